"""`ucurve eval` as a user calls it: what it says, its exit codes, its JSON, a kill in the middle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.store import Store
from runner.spec import load_sweep_spec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_progress import NoView
from runner.training.adapter_files import adapter_folder
from tests.runner.cli.calling import Caller

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Path:
    """A folder with a store of two runs with adapters, and two benchmarks; read only."""
    folder = tmp_path_factory.mktemp("trained")
    spec = folder / "tiny.yaml"
    spec.write_text(
        f"""
model: {tiny_model_folder}
dataset: {{path: {pairs_file}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1e-2]}}
budget: {{steps: 3}}
training: {{precision: float32, batch_size: 4}}
evaluation: {{every: null, max_examples: 10}}
"""
    )
    store = Store.open(folder / "store", create=True)
    run_sweep(prepare_sweep(load_sweep_spec(spec)), store, view=NoView())
    for name, word in (("one", "yes"), ("two", "no")):
        items = [{"prompt": f"{n} {name}", "choices": [word, "maybe"], "gold": 0} for n in range(4)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Store:
    """The two runs, in a store of the test's own."""
    return Store.open(shutil.copytree(trained_once, tmp_path / "mine") / "store")


@pytest.fixture
def mine(trained: Store) -> str:
    return ",".join(str(Path(trained.location).parent / f"{name}.jsonl") for name in ("one", "two"))


def keys(document: Any) -> set[str]:  # noqa: ANN401
    if isinstance(document, list):
        return set().union(*map(keys, document))
    return (
        {*document, *(key for value in document.values() for key in keys(value))}
        if isinstance(document, dict)
        else set()
    )


def test_scores_are_printed_stored_and_skipped_the_second_time(ucurve: Caller, trained: Store, mine: str) -> None:
    dry = ucurve("eval", "--store", trained.location, "--benchmarks", mine, "--dry-run")
    assert dry.code == 0
    assert "3 runs, base models included: 6 scores to do, 0 are there already." in dry.out
    assert trained.snapshot().evals().empty
    first = ucurve("eval", "--store", trained.location, "--benchmarks", mine)
    assert first.code == 0, first.err
    assert "base model" in first.out
    assert "Guessing gives one 0.50, two 0.50." in first.out
    assert "6 scores stored" in first.out
    second: Any = ucurve("eval", "--store", trained.location, "--benchmarks", mine, "--json").json
    assert (second["n_scored"], second["n_skipped"], second["n_missing"]) == (0, 6, 0)
    assert len(second["scores"]) == 3 * 2 * 3
    assert sum(score["is_base"] for score in second["scores"]) == 6
    section = PAGE.split("## `ucurve eval`")[1].split("\n## ")[0]
    assert {key for key in keys(second) if f"`{key}`" not in section} == set()
    assert trained.check() == []


def test_the_list_states_every_benchmark(ucurve: Caller) -> None:
    listed: Any = ucurve("eval", "--list", "--json").json
    names = [one["benchmark"] for one in listed]
    assert {"skills-dates", "skills-json-gen", "docstrings-bpb", "docstrings-choice"} <= set(names)
    assert all(re.fullmatch("[0-9a-f]{16}", one["items_digest"]) and one["n_items"] > 0 for one in listed)
    section = PAGE.split("## `ucurve eval`")[1].split("\n## ")[0]
    assert {key for key in keys(listed) if f"`{key}`" not in section} == set()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--benchmarks", "skils"], "unknown benchmark 'skils'; did you mean 'skills'?"),
        (["--benchmarks", "nothing.jsonl"], "nothing.jsonl: no such file"),
        ([], "say which benchmarks, such as --benchmarks skills; `ucurve eval --list` shows them"),
        (["nobody", "--benchmarks", "skills"], "there is no run 'nobody'"),
        (["nobody", "--benchmarks", "skills", "--sweep", "s"], "give either run ids, or --sweep"),
        (["--benchmarks", "skills", "--sweep", "s"], "there is nothing to score"),
        (["--benchmarks", "skills", "--where", "nokey=1"], "there is no column 'nokey'"),
        (["--benchmarks", "skills", "--best", "--metric", "m"], "--best finds no winner"),
        (["--benchmarks", "skills", "--normalisation", "bytes"], "unknown 'bytes'; did you mean 'byte'?"),
        (["--benchmarks", "skills", "--max-items", "0"], "--max-items"),
    ],
)
def test_wrong_input_is_one_sentence(ucurve: Caller, trained: Store, arguments: list[str], sentence: str) -> None:
    answer = ucurve("eval", "--store", trained.location, *arguments)
    assert answer.code == 2
    assert sentence in answer.err
    assert "Traceback" not in answer.err


def test_there_must_be_a_store(ucurve: Caller, tmp_path: Path) -> None:
    answer = ucurve("eval", "--store", tmp_path / "none", "--benchmarks", "skills")
    assert answer.code == 2
    assert not (tmp_path / "none").exists()


def test_a_run_without_its_adapter_makes_the_result_partial(ucurve: Caller, trained: Store, mine: str) -> None:
    run_ids = [str(run_id) for run_id in trained.snapshot().runs()["run_id"] if not run_id.startswith("base-")]
    folder = adapter_folder(trained, run_ids[0])
    away = folder.rename(folder.with_name("away"))
    try:
        answer = ucurve("eval", "--store", trained.location, "--benchmarks", mine)
        named = ucurve("eval", run_ids[0], "--store", trained.location, "--benchmarks", mine)
    finally:
        away.rename(folder)
    assert answer.code == 1
    assert f"left out: no adapter was saved for run '{run_ids[0]}'" in answer.out
    assert named.code == 2
    assert f"no adapter was saved for run '{run_ids[0]}'" in named.err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_in_the_middle_and_the_same_command_again(trained: Store, mine: str) -> None:
    """Killed as soon as the first benchmark is stored; then nothing is missing and nothing is there twice."""
    command = [sys.executable, "-m", "runner.cli", "eval", "--store", trained.location, "--max-items", "3"]
    command += ["--benchmarks", f"{mine},skills-dates,skills-dates-gen"]
    with subprocess.Popen([*command, "--again"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert any("one: 3 scores stored" in line for line in first.stderr)
        os.kill(first.pid, signal.SIGKILL)
    assert not trained.snapshot().evals().empty
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["n_skipped"] >= 3
    assert outcome["n_skipped"] + outcome["n_scored"] == 12
    evals = trained.snapshot().evals()
    assert not evals.duplicated(["run_id", "step", "benchmark", "metric", "items_digest"]).any()
    assert trained.check() == []
