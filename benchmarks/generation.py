"""Seconds to write 16 answers of 32 tokens under 8 adapters, packed, against peft one adapter after another.

`python -m benchmarks.generation` runs, in turn and three times over:

* `float32 loop`: transformers' `generate` with peft in float32; each core has a copy of the model, one thread and its
  share of the adapters; all prompts in one batch, padded on the left; adapters are switched, not loaded anew;
* `float32 packed`, `bfloat16 packed`: Ucurve's engine.

All write greedily after the same prompts, questions of `skills`; ends of sequence are switched off, so that all write
equally many tokens. Loading is not timed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import peft
import torch

from benchmarks.evaluation import load_peft, make_adapters
from benchmarks.report import median, write_result
from runner.data.skills import skill_examples
from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.engine import PackedEngine
from runner.training.base_model import ModelFolder, find_model, load_tokenizer
from runner.training.workers import Workers

N_PROMPTS = 16
N_NEW = 32
Answers = list[list[list[int]]]
"""Token ids by adapter and prompt."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    compare(parser.parse_args().repeats)


def compare(repeats: int) -> None:
    """All parts in turn, `repeats` times; medians, ratios within a turn, and how many answers are equal."""
    folder = find_model("smollm2-135m")
    prompts = make_prompts(folder)
    loads: list[float] = []
    answers: dict[str, Answers] = {}
    with tempfile.TemporaryDirectory() as target:
        parts = _prepare(folder, make_adapters(folder, Path(target)), prompts)
        seconds: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in parts}
        for _ in range(repeats):
            for name, run in parts.items():
                loads.append(os.getloadavg()[0])
                wall, cpu = time.perf_counter(), time.process_time()
                answers[name] = run()
                seconds[name]["wall"].append(time.perf_counter() - wall)
                seconds[name]["cpu"].append(time.process_time() - cpu)
                print(name, f"{seconds[name]['wall'][-1]:.1f} s", file=sys.stderr)
    n_tokens = sum(len(row) for slot in answers["float32 packed"] for row in slot)
    write_result(
        "generation",
        "python -m benchmarks.generation",
        {
            "n_tokens": n_tokens,
            "prompt_tokens": sum(map(len, prompts)),
            "load_average": {"median": median(loads), "most": max(loads)},
            "seconds": {
                name: {kind: {"median": median(values), "all": values} for kind, values in of_part.items()}
                for name, of_part in seconds.items()
            },
            "tokens_per_s": {name: n_tokens / median(of_part["wall"]) for name, of_part in seconds.items()},
            "times_faster_than_float32_loop": {
                name: {kind: _ratios(seconds["float32 loop"][kind], values) for kind, values in of_part.items()}
                for name, of_part in seconds.items()
            },
            "equal_answers": {name: _share_equal(found, answers["float32 loop"]) for name, found in answers.items()},
        },
    )


def make_prompts(folder: ModelFolder) -> list[tuple[int, ...]]:
    """Questions in the model's chat template."""
    tokenizer = load_tokenizer(folder)
    prompts = []
    for example in skill_examples()[:N_PROMPTS]:
        turns = [{"role": m.role, "content": m.content} for m in example.prompt]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        prompts.append(tuple(tokenizer(text, add_special_tokens=False)["input_ids"]))
    return prompts


def _prepare(
    folder: ModelFolder, paths: Sequence[Path], prompts: Sequence[tuple[int, ...]]
) -> dict[str, Callable[[], Answers]]:
    workers = Workers.for_device(torch.device("cpu"))
    models = [load_peft(folder, paths[i :: workers.n_workers], "float32") for i in range(workers.n_workers)]
    parts: dict[str, Callable[[], Answers]] = {"float32 loop": partial(_loop, models, prompts, workers)}
    for precision in ("float32", "bfloat16"):
        engine = PackedEngine.load(folder, {path.name: path for path in paths}, precision=precision)
        engine.eos_ids = frozenset()
        parts[f"{precision} packed"] = partial(_packed, engine, prompts)
    return parts


def _packed(engine: PackedEngine, prompts: Sequence[tuple[int, ...]]) -> Answers:
    answers = engine.generate(prompts, Decoding(max_new_tokens=N_NEW))
    return [[list(answer.token_ids) for answer in slot] for slot in answers]


def _loop(models: Sequence[peft.PeftModel], prompts: Sequence[tuple[int, ...]], workers: Workers) -> Answers:
    width = max(map(len, prompts))
    ids = torch.tensor([[*[0] * (width - len(prompt)), *prompt] for prompt in prompts])
    mask = torch.tensor([[*[0] * (width - len(prompt)), *[1] * len(prompt)] for prompt in prompts])
    found: dict[int, list[list[int]]] = {}

    def write(model: peft.PeftModel, worker: int) -> None:
        for i, name in enumerate(model.peft_config):
            model.set_adapter(name)
            out = model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=N_NEW, min_new_tokens=N_NEW
            )
            found[worker + i * len(models)] = out[:, width:].tolist()

    workers.map(write, models)
    return [found[i] for i in sorted(found)]


def _ratios(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, object]:
    values = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {"median": median(values), "all": values}


def _share_equal(ours: Answers, theirs: Answers) -> float:
    pairs = [(a, b) for mine, other in zip(ours, theirs, strict=True) for a, b in zip(mine, other, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


if __name__ == "__main__":
    main()
