"""From folders into a store: once, whatever the order, growing with the run, and with the scores of its model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.importers.config_rules import NO_MAP
from analysis.importers.registry import load_source
from analysis.importers.sink.report import SourceLine
from analysis.importers.sink.sink import Sink
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from analysis.store import Store
from tests.analysis.importers.sink.bringing import logged, open_store, versions
from tests.analysis.importers.trainer.folders import LOGS, Copy

EVALS = LOGS.parents[1] / "lm_eval" / "logs" / "out" / "__srv__sweep__sft-high"
LLAMA = LOGS.parents[1] / "llama_factory" / "logs"


def _bring(store: Store, kind: str, *targets: Path) -> list[str]:
    """Imports without a reading process; returns what became of each run."""
    source = load_source(kind)
    lines: list[SourceLine] = []
    request = Request(targets=tuple(map(str, targets)))
    with Sink(store, NO_MAP, lines.append) as sink:
        for item in source.find(request):
            assert isinstance(item, Item)
            work = sink.begin(item, item.digest, None)
            for run in source.read(item, request, lambda _: None):
                assert isinstance(run, SourceRun)
                sink.take(work, run, 0)
            sink.end(work)
    return [line.state for line in lines]


def _scores(store: Store) -> list[tuple[str, str, int]]:
    run_ids = list(store.snapshot().runs()["run_id"])
    return sorted(
        (row["run_id"], row["benchmark"], row["step"]) for row in store.snapshot().scored(run_ids).to_pylist()
    )


@pytest.mark.parametrize("kinds", [("trainer", "lm-eval"), ("lm-eval", "trainer")])
def test_a_run_and_its_scores_are_one_run_in_either_order(tmp_path: Path, kinds: tuple[str, str]) -> None:
    store, folder = open_store(tmp_path), LOGS / "sft-high"
    targets = {"trainer": [folder], "lm-eval": [EVALS, folder]}
    for kind in kinds:
        _bring(store, kind, *targets[kind])
    assert len(store.snapshot().runs()) == 1
    assert [(benchmark, step) for _, benchmark, step in _scores(store)] == [("tiny_choice", 12)] * 2 + [
        ("tiny_words", 12)
    ] * 2
    assert {attempt for _, attempt, _, _ in logged(store)} == {1}
    before = versions(store)
    for kind in kinds:
        assert _bring(store, kind, *targets[kind]) == ["unchanged"]
    assert versions(store) == before


def test_a_copy_adds_nothing(tmp_path: Path, copy: Copy) -> None:
    store = open_store(tmp_path)
    _bring(store, "trainer", LOGS / "sft-low")
    before = logged(store)
    _bring(store, "trainer", copy("sft-low").rename(tmp_path / "elsewhere"))
    assert logged(store) == before
    assert len(store.snapshot().runs()) == 1


def test_a_growing_run_gets_only_its_new_rows(tmp_path: Path, copy: Copy) -> None:
    store, folder = open_store(tmp_path), copy("sft-resumed")
    state = (folder / "trainer_state.json").read_bytes()
    (folder / "trainer_state.json").unlink()
    for name in ("all_results.json", "train_results.json", "eval_results.json"):
        (folder / name).unlink()
    assert _bring(store, "trainer", folder) == ["new"]
    early = logged(store)
    (folder / "trainer_state.json").write_bytes(state)
    assert _bring(store, "trainer", folder) == ["extended"]
    assert {place: logged(store)[place] for place in early} == early
    assert {attempt for _, attempt, _, _ in logged(store)} == {1}
    assert list(store.snapshot().runs()["status"]) == ["finished"]


def test_a_run_that_was_logged_again_differently_is_a_new_attempt(tmp_path: Path) -> None:
    store, folder = open_store(tmp_path), Path(shutil.copytree(LLAMA / "killed", tmp_path / "out"))
    assert _bring(store, "llama-factory", folder) == ["new"]
    with (folder / "trainer_log.jsonl").open("a") as file:
        file.writelines(json.dumps({"current_steps": step, "loss": 1.5}) + "\n" for step in (5, 6, 7))
    assert _bring(store, "llama-factory", folder) == ["changed"]
    steps = {attempt: {step for _, at, step, _ in logged(store) if at == attempt} for attempt in (1, 2)}
    assert steps == {1: {1, 2, 3, 4, 5, 6}, 2: {1, 2, 3, 4, 5, 6, 7}}


def test_what_outlived_a_kill_completes_what_the_trainers_files_said(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert _bring(store, "trainer", LLAMA / "killed") == ["new"]
    assert _bring(store, "llama-factory", LLAMA / "killed") == ["extended"]
    assert len(store.snapshot().runs()) == 1
    assert {step for _, _, step, _ in logged(store)} == {1, 2, 3, 4, 5, 6}
