"""Log-likelihoods of many adapters at once, against peft and transformers one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from runner.errors import EnvironmentProblem
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.engine.likelihood import run_pass
from runner.evaluation.engine.passes import Pass
from runner.evaluation.requests import LikelihoodRequest, Likelihoods
from runner.training.base_model import ModelFolder
from runner.training.workers import Workers
from tests.runner.evaluation.engine.conftest import naive

TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def _same_size_afterwards(engine: PackedEngine) -> Iterator[None]:
    size, workers = engine.micro_batch_tokens, engine.workers
    yield
    engine.micro_batch_tokens, engine.workers = size, workers


def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest relative difference; sums are some hundred nats."""
    return float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))))


def test_all_slots_equal_peft_and_the_plain_model(
    engine: PackedEngine, requests: list[LikelihoodRequest], expected: NDArray[np.float64]
) -> None:
    found = engine.log_likelihoods(requests).log_likelihood_KR
    assert difference(found, expected) < TOLERANCE
    assert min(np.abs(expected[i] - expected[2]).max() for i in (0, 1, 3, 4)) > 0.1, "adapters must matter"


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("size", [1, 150, 600, 5_000])
def test_batching_does_not_matter(
    engine: PackedEngine,
    requests: list[LikelihoodRequest],
    expected: NDArray[np.float64],
    size: int,
    n_workers: int,
) -> None:
    """From every request on its own, where nothing is shared, to all in one tree under all slots."""
    engine.micro_batch_tokens, engine.workers = size, Workers(n_workers)
    assert difference(engine.log_likelihoods(requests).log_likelihood_KR, expected) < TOLERANCE


def test_packed_equals_solo(
    engine: PackedEngine,
    tiny_folder: ModelFolder,
    adapter_folders: dict[str, Path | None],
    requests: list[LikelihoodRequest],
) -> None:
    together = engine.log_likelihoods(requests).log_likelihood_KR
    for k, (slot, path) in enumerate(adapter_folders.items()):
        alone = PackedEngine.load(tiny_folder, {slot: path}, precision="float32").log_likelihoods(requests)
        assert difference(alone.log_likelihood_KR[0], together[k]) < TOLERANCE


tokens = st.lists(st.integers(3, 5), min_size=1, max_size=7).map(tuple)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(tokens, tokens), min_size=1, max_size=8),
    st.integers(1, 80),
)
def test_any_mixture_of_shared_beginnings(
    engine: PackedEngine, tiny_plain: torch.nn.Module, pieces: list[tuple[tuple[int, ...], ...]], size: int
) -> None:
    """Few different tokens, so that contexts are equal, begin alike, or one is the beginning of another."""
    asked = [LikelihoodRequest(context + rest, len(context)) for context, rest in pieces]
    engine.micro_batch_tokens = size
    found = engine.log_likelihoods(asked)
    base = engine.slots.index("base")
    wanted = naive(tiny_plain, asked)
    assert difference(found.log_likelihood_KR[base], wanted.log_likelihood_KR[0]) < TOLERANCE
    assert np.array_equal(found.is_greedy_KR[base], wanted.is_greedy_KR[0])


@pytest.fixture(scope="module")
def tiny_plain(tiny_folder: ModelFolder) -> torch.nn.Module:
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(tiny_folder.path)
    return model


def test_greedy_text_is_known_as_such(engine: PackedEngine, tiny_plain: torch.nn.Module) -> None:
    """What the model itself writes is greedy; with its last token changed it is not."""
    prompt = (10, 20, 30, 40)
    ids: tuple[int, ...] = prompt
    for _ in range(5):
        ids = (*ids, int(tiny_plain(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    other = (*ids[:-1], ids[-1] + 1 if ids[-1] < 200 else ids[-1] - 1)
    found = engine.log_likelihoods([LikelihoodRequest(t, len(prompt)) for t in (ids, other)])
    assert found.is_greedy_KR[engine.slots.index("base")].tolist() == [True, False]


def test_a_broken_adapter_breaks_nobody_else(
    tiny_folder: ModelFolder,
    adapter_folders: dict[str, Path | None],
    requests: list[LikelihoodRequest],
    save_peft: Callable[..., Path],
    tmp_path: Path,
) -> None:
    from safetensors.torch import load_file, save_file

    folders: dict[str, Path | None] = {}
    for name, value in (("nan", torch.nan), ("inf", torch.inf)):
        path = folders[name] = save_peft(tmp_path / name, r=2, target_modules=["k_proj", "down_proj"])
        assert path is not None
        tensors = load_file(path / "adapter_model.safetensors")
        next(t for key, t in tensors.items() if "lora_B" in key)[0, 0] = value
        save_file(tensors, path / "adapter_model.safetensors")
    mixed = {"nan": folders["nan"], **adapter_folders, "inf": folders["inf"]}
    found = PackedEngine.load(tiny_folder, mixed, precision="float32").log_likelihoods(requests)
    assert np.isnan(found.log_likelihood_KR[[0, -1]]).all()
    assert not found.is_greedy_KR[[0, -1]].any()
    healthy = PackedEngine.load(tiny_folder, adapter_folders, precision="float32").log_likelihoods(requests)
    assert difference(found.log_likelihood_KR[1:-1], healthy.log_likelihood_KR) < TOLERANCE


def test_bfloat16_is_said_and_stays_close(
    tiny_folder: ModelFolder,
    adapter_folders: dict[str, Path | None],
    requests: list[LikelihoodRequest],
    expected: NDArray[np.float64],
) -> None:
    rounded = PackedEngine.load(tiny_folder, adapter_folders, precision="bfloat16")
    assert rounded.facts()["precision"] == "bfloat16"
    assert difference(rounded.log_likelihoods(requests).log_likelihood_KR, expected) < 0.02


class Crowded:
    """`run_pass` on a machine that holds so many tokens at once."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, list[int]()

    def __call__(self, model: object, adapters: object, requests: object, work: Pass, worker: int = 0) -> Likelihoods:
        self.sizes.append(work.n_tokens)
        if work.n_tokens > self.most:
            raise MemoryError
        return run_pass(model, adapters, requests, work, worker)  # type: ignore[arg-type]


def test_out_of_memory_makes_smaller_passes_and_the_same_answers(
    engine: PackedEngine,
    requests: list[LikelihoodRequest],
    expected: NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowded = Crowded(most=400)
    monkeypatch.setattr("runner.evaluation.engine.engine.run_pass", crowded)
    engine.micro_batch_tokens, engine.workers = 5_000, Workers(1)
    assert difference(engine.log_likelihoods(requests).log_likelihood_KR, expected) < TOLERANCE
    assert sum(size > 400 for size in crowded.sizes) < 6, "every failure halves the passes that follow"


def test_one_request_that_does_not_fit_says_so(
    engine: PackedEngine, requests: list[LikelihoodRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.evaluation.engine.engine.run_pass", Crowded(most=10))
    with pytest.raises(EnvironmentProblem, match="out of memory with one request"):
        engine.log_likelihoods(requests)


def test_progress_counts_every_answer_once(engine: PackedEngine, requests: list[LikelihoodRequest]) -> None:
    heard: list[tuple[int, int]] = []
    engine.micro_batch_tokens, engine.workers = 300, Workers(2)
    engine.log_likelihoods(requests, lambda done, of: heard.append((done, of)))
    n_all = len(requests) * len(engine.slots)
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1] == (n_all, n_all)


def test_an_error_of_the_listener_ends_the_work(engine: PackedEngine, requests: list[LikelihoodRequest]) -> None:
    calls = []

    def stop(done: int, of: int) -> None:
        calls.append((done, of))
        raise InterruptedError

    engine.micro_batch_tokens, engine.workers = 100, Workers(1)
    with pytest.raises(InterruptedError):
        engine.log_likelihoods(requests, stop)
    assert len(calls) == 1


def test_no_requests_have_no_answers(engine: PackedEngine) -> None:
    assert engine.log_likelihoods([]).log_likelihood_KR.shape == (len(engine.slots), 0)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (LikelihoodRequest((5, 6, 7), 0), "needs at least one"),
        (LikelihoodRequest((5, 6, 7), 3), "needs at least one"),
        (LikelihoodRequest((5,) * 513, 3), "has 513 tokens, the model takes 512"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(
    engine: PackedEngine, request_: LikelihoodRequest, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        engine.log_likelihoods([LikelihoodRequest((5, 6), 1), request_])
