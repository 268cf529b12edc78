"""Seconds to score 8 adapters on multiple-choice items, packed, against peft one adapter after another.

`python -m benchmarks.evaluation` runs, in turn and three times over:

* `float32 loop`, `bfloat16 loop`: peft in that precision; each core has a copy of the model, one thread and its
  share of the adapters, which wastes less than all cores in one matmul. Requests of similar length go in batches of 16,
  padded on the left: logits are computed for the last few positions only. Adapters are switched, not loaded anew;
* `float32 packed`, `bfloat16 packed`: Ucurve's engine.

All answer the same token requests under the same adapters: half of the items are questions of `skills` with four short
answers, half are functions of `stdlib-docstrings` with four docstrings. Loading is not timed. Processor seconds stand
beside wall-clock seconds: on a busy machine they say more.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import peft
import torch
from numpy.typing import NDArray

from benchmarks.report import median, write_result
from runner.data.examples import Example
from runner.data.skills import skill_examples
from runner.data.stdlib_docstrings import stdlib_docstrings
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.requests import LikelihoodRequest
from runner.training.adapter_files import save_adapter
from runner.training.adapters import Adapter, AdapterShape
from runner.training.base_model import ModelFolder, find_model, load_model, load_tokenizer
from runner.training.workers import Workers

Kind = Literal["float32", "bfloat16"]
N_ADAPTERS = 8
N_ITEMS = 4
"""Of each kind."""
N_CHOICES = 4
BATCH_ROWS = 16
COMPARED = (
    ("float32 packed", "float32 loop"),
    ("bfloat16 packed", "bfloat16 loop"),
    ("bfloat16 packed", "float32 loop"),
)
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Timing(NamedTuple):
    """One run of one part."""

    wall_s: float
    cpu_s: float
    scores: NDArray[np.float64]
    """Log-likelihoods, `(adapters, requests)`."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    compare(parser.parse_args().repeats)


def compare(repeats: int) -> None:
    """All parts in turn, `repeats` times; medians, ratios, and how far the scores are apart."""
    folder = find_model("smollm2-135m")
    requests = make_requests(folder)
    loads = []
    with tempfile.TemporaryDirectory() as target:
        parts = _prepare(folder, make_adapters(folder, Path(target)), requests)
        timings: dict[str, list[Timing]] = {name: [] for name in parts}
        for _ in range(repeats):
            for name, run in parts.items():
                loads.append(os.getloadavg()[0])
                timings[name].append(_timed(run))
                print(name, f"{timings[name][-1].wall_s:.1f} s", file=sys.stderr)
    write_result(
        "evaluation",
        "python -m benchmarks.evaluation",
        {
            "n_adapters": N_ADAPTERS,
            "n_requests": len(requests),
            "n_tokens": sum(len(r.token_ids) for r in requests),
            "load_average": {"median": median(loads), "most": max(loads)},
            "wall_s": {name: _summary([t.wall_s for t in found]) for name, found in timings.items()},
            "cpu_s": {name: _summary([t.cpu_s for t in found]) for name, found in timings.items()},
            "times_faster": {f"{a}, against {b}": _times_faster(timings[a], timings[b]) for a, b in COMPARED},
            "agreement": {
                name: _agreement(found[-1].scores, timings["float32 loop"][-1].scores)
                for name, found in timings.items()
            },
        },
    )


def _prepare(
    folder: ModelFolder, paths: Sequence[Path], requests: Sequence[LikelihoodRequest]
) -> dict[str, Callable[[], NDArray[np.float64]]]:
    workers = Workers.for_device(torch.device("cpu"))
    parts: dict[str, Callable[[], NDArray[np.float64]]] = {}
    for kind in get_args(Kind):
        models = [load_peft(folder, paths[i :: workers.n_workers], kind) for i in range(workers.n_workers)]
        engine = PackedEngine.load(folder, {path.name: path for path in paths}, precision=kind)
        parts[f"{kind} loop"] = partial(_loop, models, requests, workers)
        parts[f"{kind} packed"] = partial(_packed, engine, requests)
    return parts


def _timed(run: Callable[[], NDArray[np.float64]]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    scores = run()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, scores)


def _summary(values: Sequence[float]) -> dict[str, object]:
    return {"median": median(values), "all": values}


def _times_faster(ours: Sequence[Timing], theirs: Sequence[Timing]) -> dict[str, object]:
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "wall": _summary([b.wall_s / a.wall_s for a, b in pairs]),
        "cpu": _summary([b.cpu_s / a.cpu_s for a, b in pairs]),
    }


def _agreement(ours: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, float]:
    """How far from the float32 loop, and the share of items with the same likeliest choice."""
    chosen, expected = (x.reshape(N_ADAPTERS, -1, N_CHOICES).argmax(axis=2) for x in (ours, reference))
    return {
        "largest_difference_nats": float(np.abs(ours - reference).max()),
        "largest_relative_difference": float((np.abs(ours - reference) / np.abs(reference)).max()),
        "same_choice": float((chosen == expected).mean()),
    }


def make_adapters(folder: ModelFolder, target: Path) -> list[Path]:
    """PEFT folders with random pairs of rank 8, each strong enough to move the answers."""
    network = load_model(folder, torch.float32, torch.device("cpu"))
    head = network.get_output_embeddings()
    sizes = {
        name: (m.in_features, m.out_features)
        for name, m in network.named_modules()
        if isinstance(m, torch.nn.Linear) and m is not head
    }
    paths = [target / f"a{seed}" for seed in range(N_ADAPTERS)]
    for seed, path in enumerate(paths):
        adapter = Adapter(AdapterShape(rank=8, alpha=16.0, target_modules=TARGETS), sizes, seed=seed)
        noise = torch.randn(adapter.parameter.shape, generator=torch.Generator().manual_seed(seed))
        adapter.parameter.data.add_(noise, alpha=0.01)
        save_adapter(adapter, path, base_model=folder.model_id)
    return paths


def make_requests(folder: ModelFolder) -> list[LikelihoodRequest]:
    """Every item's choices next to each other: the right completion and those of three other examples of its kind."""
    tokenizer = load_tokenizer(folder)
    requests = []
    for examples in (skill_examples(), stdlib_docstrings()):
        of_kind: dict[str, list[Example]] = {}
        for example in examples:
            of_kind.setdefault(example.label, []).append(example)
        for example in examples[:N_ITEMS]:
            turns = [{"role": m.role, "content": m.content} for m in example.prompt]
            prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            context = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            others = [e.completion for e in of_kind[example.label] if e.completion != example.completion]
            for choice in (example.completion, *others[: N_CHOICES - 1]):
                answer = tokenizer(choice, add_special_tokens=False)["input_ids"]
                requests.append(LikelihoodRequest((*context, *answer), len(context)))
    return requests


def _packed(engine: PackedEngine, requests: Sequence[LikelihoodRequest]) -> NDArray[np.float64]:
    return engine.log_likelihoods(requests).log_likelihood_KR


def load_peft(folder: ModelFolder, paths: Sequence[Path], kind: Kind) -> peft.PeftModel:
    """The base model with all of the adapters; one of them acts at a time."""
    base = load_model(folder, getattr(torch, kind), torch.device("cpu"))
    model = peft.PeftModel.from_pretrained(base, str(paths[0]), adapter_name=paths[0].name)
    for path in paths[1:]:
        model.load_adapter(str(path), adapter_name=path.name)
    return model.eval()


def _loop(
    models: Sequence[peft.PeftModel], requests: Sequence[LikelihoodRequest], workers: Workers
) -> NDArray[np.float64]:
    order = sorted(range(len(requests)), key=lambda i: len(requests[i].token_ids), reverse=True)
    batches = [order[i : i + BATCH_ROWS] for i in range(0, len(order), BATCH_ROWS)]
    found = np.empty((N_ADAPTERS, len(requests)))

    def score(model: peft.PeftModel, worker: int) -> None:
        for i, name in enumerate(model.peft_config):
            model.set_adapter(name)
            for batch in batches:
                found[worker + i * len(models), batch] = _loop_batch(model, [requests[j] for j in batch])

    workers.map(score, models)
    return found


@torch.inference_mode()
def _loop_batch(model: torch.nn.Module, batch: Sequence[LikelihoodRequest]) -> list[float]:
    width = max(len(r.token_ids) for r in batch) - 1
    padding = [width - len(r.token_ids) + 1 for r in batch]
    ids = torch.tensor([[*[0] * n, *r.token_ids[:-1]] for n, r in zip(padding, batch, strict=True)])
    mask = torch.tensor([[*[0] * n, *[1] * (width - n)] for n in padding])
    n_scored = [len(r.token_ids) - r.n_context for r in batch]
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        logits_to_keep=max(n_scored),
        use_cache=False,
    ).logits
    sums = []
    for row, request, n in zip(logits, batch, n_scored, strict=True):
        targets = torch.tensor(request.token_ids[-n:])
        sums.append(-torch.nn.functional.cross_entropy(row[-n:].float(), targets, reduction="sum").item())
    return sums


if __name__ == "__main__":
    main()
