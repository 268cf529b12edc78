"""`ucurve eval --harness lm-eval` as a user calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from analysis.store import Store
from runner.spec import load_sweep_spec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_progress import NoView
from tests.runner.cli.calling import Caller
from tests.runner.evaluation.harness.tiny_tasks import CHOICE, TEXT, WRITE, write_tasks

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Store:
    """Two runs with adapters, and task files beside the store."""
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
    write_tasks(folder / "tasks")
    return store


def options(store: Store, *tasks: str) -> tuple[str, ...]:
    folder = str(Path(store.location).parent / "tasks")
    return (
        *("eval", "--store", store.location, "--harness", "lm-eval", "--tasks", ",".join(tasks)),
        *("--include-path", folder, "--precision", "float32"),
    )


def test_tasks_of_ones_own_are_scored_stored_and_compared(ucurve: Caller, trained: Store) -> None:
    dry = ucurve(*options(trained, CHOICE), "--dry-run")
    assert (dry.code, "3 scores to do, 0 are there already" in dry.out) == (0, True), dry.err

    first = ucurve(*options(trained, CHOICE, TEXT, WRITE), "--max-items", "4")
    assert first.code == 0, first.err
    assert "9 scores stored" in first.out

    second: Any = ucurve(*options(trained, CHOICE, TEXT, WRITE), "--max-items", "4", "--json").json
    assert (second["n_scored"], second["n_skipped"], second["n_missing"]) == (0, 9, 0)
    assert [one["n_items"] for one in second["benchmarks"]] == [4, 4, 4]
    assert {row["metric"] for row in second["scores"] if row["benchmark"] == CHOICE} == {"acc", "acc_norm"}
    matrix: Any = ucurve("benchmarks", "--store", trained.location, "--json").json
    assert {column["harness"] for column in matrix["columns"]} == {"lm-eval"}
    assert {column["benchmark"] for column in matrix["columns"]} >= {CHOICE, TEXT, WRITE}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tasks", "hellaswag"), "--tasks needs --harness lm-eval"),
        (("--harness", "lm-eval"), "say which tasks, such as --tasks hellaswag,arc_easy"),
        (
            ("--harness", "lm-eval", "--tasks", "x", "--temperature", "1"),
            "--temperature has no meaning with --harness lm-eval",
        ),
        (("--harness", "lm-eval", "--tasks", "x", "--include-path", "gone"), "gone is no folder"),
    ],
)
def test_options_that_do_not_go_together_are_said(
    ucurve: Caller, trained: Store, arguments: tuple[str, ...], said: str
) -> None:
    answer = ucurve("eval", "--store", trained.location, *arguments)

    assert answer.code == 2
    assert said in answer.err


def test_without_the_extra_it_says_what_to_install(
    ucurve: Caller, trained: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.evaluation.harness.settings.PACKAGE", "no-such-package")

    answer = ucurve(*options(trained, CHOICE))

    assert answer.code == 3
    assert "pip install 'ucurve[lm-eval]'" in answer.err
