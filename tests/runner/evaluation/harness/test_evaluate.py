"""Scores of the harness's tasks in a store: every run and its base model, once, resumed and anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.store import Store
from runner.errors import ConfigError
from runner.evaluation.harness.evaluate import score_with_lm_eval
from runner.evaluation.harness.settings import HarnessSettings
from runner.evaluation.loading import Loaded, load_pack
from runner.evaluation.outcome import EvaluationOutcome
from runner.evaluation.selection import Selection
from runner.evaluation.settings import Precision
from runner.evaluation.targets import Target
from runner.sweep_progress import NoView
from tests.runner.evaluation.harness.tiny_tasks import CHOICE, GROUP, WRITE, write_task
from tests.runner.evaluation.scoring import run_row

pytestmark = pytest.mark.filterwarnings("default")


class Evaluation:
    """The same two runs, scored again and again."""

    def __init__(self, store: Store, model_folder: Path, adapters: dict[str, Path | None], tasks: Path) -> None:
        self.store, self._tasks = store, tasks
        rows = {name: run_row(name, tokenizer_id=None) for name in ("one", "two")}
        store.append(runs=list(rows.values()))
        self._targets = [
            Target(row=row, step=10, adapter=adapters[name], model_id=str(model_folder)) for name, row in rows.items()
        ]
        self.packs: list[list[str]] = []

    def score(self, *names: str, settings: HarnessSettings | None = None, **options: Any) -> EvaluationOutcome:  # noqa: ANN401
        asked = settings or HarnessSettings(include_paths=(self._tasks,), precision="float32")
        selection = Selection(self._targets, [], [])
        return score_with_lm_eval(self.store, selection, names, asked, view=NoView(), load=self._load, **options)

    def _load(self, targets: Sequence[Target], precision: Precision) -> Loaded:
        self.packs.append([target.run_id for target in targets])
        return load_pack(targets, precision)

    def rows(self) -> list[dict[str, Any]]:
        run_ids = sorted(self.store.snapshot().runs()["run_id"])
        return list(self.store.snapshot().scored(run_ids).to_pylist())


@pytest.fixture
def evaluation(store: Store, model_folder: Path, adapters: dict[str, Path | None], tasks: Path) -> Evaluation:
    return Evaluation(store, model_folder, adapters, tasks)


def test_runs_and_their_base_model_get_scores_items_and_a_record(evaluation: Evaluation) -> None:
    outcome = evaluation.score(CHOICE, WRITE)

    assert outcome.is_complete
    assert (outcome.n_runs, outcome.n_scored, outcome.n_skipped) == (3, 6, 0)
    assert [one.name for one in outcome.benchmarks] == [CHOICE, WRITE]
    assert len(outcome.scores) == 3 * (2 + 2)
    assert {row["harness"] for row in evaluation.rows()} == {"lm-eval"}
    snapshot = evaluation.store.snapshot()
    items = snapshot.eval_items(["two"], CHOICE).to_pylist()
    mean = sum(row["score"] for row in items if row["metric"] == "acc") / 24
    (stored,) = [row for row in evaluation.rows() if (row["run_id"], row["metric"]) == ("two", "acc")]
    assert stored["score"] == pytest.approx(mean)
    record = json.loads(str(snapshot.run_rows(["two"])["two"]["provenance_json"]))["evaluation"][WRITE][0]
    assert record["settings"]["decoding"]["max_gen_toks"] == 12
    assert record["settings"]["seeds"] == {"random": 0, "numpy": 1234, "torch": 1234, "fewshot": 1234}
    assert evaluation.store.check() == []


def test_what_is_stored_is_not_asked_again_and_anew_only_if_asked_for(evaluation: Evaluation) -> None:
    evaluation.score(CHOICE)
    before = evaluation.rows()

    again = evaluation.score(CHOICE, WRITE)
    assert (again.n_scored, again.n_skipped) == (3, 3)
    assert evaluation.score(CHOICE, WRITE).n_skipped == 6
    assert len(evaluation.packs) == 2, "the third time nothing is loaded"

    evaluation.score(CHOICE, again=True)
    assert sorted(map(str, (row for row in evaluation.rows() if row["benchmark"] == CHOICE))) == sorted(
        map(str, before)
    )


def test_a_group_has_its_tasks_and_its_mean_once_however_often_it_is_scored(evaluation: Evaluation) -> None:
    evaluation.score(GROUP)
    evaluation.score(GROUP, again=True)

    found = sorted({(row["run_id"][:3], row["benchmark"], row["metric"]) for row in evaluation.rows()})
    assert len(found) == len(evaluation.rows()) == 3 * 3
    assert found[0][1:] == (CHOICE, "acc")
    assert found[2][1:] == (f"{GROUP} (group)", "acc")


def test_a_dry_run_counts_and_loads_nothing(evaluation: Evaluation) -> None:
    outcome = evaluation.score(CHOICE, dry_run=True)

    assert (outcome.n_to_do, outcome.n_scored, evaluation.packs, evaluation.rows()) == (3, 0, [], [])
    assert len(outcome.benchmarks[0].items) == 24


def test_a_stop_leaves_whole_tasks(evaluation: Evaluation) -> None:
    outcome = evaluation.score(CHOICE, WRITE, should_stop=lambda: bool(evaluation.rows()))

    assert not outcome.is_complete
    assert {row["benchmark"] for row in evaluation.rows()} == {CHOICE}
    assert evaluation.score(CHOICE, WRITE).is_complete
    assert len({(row["run_id"], row["benchmark"]) for row in evaluation.rows()}) == 6


def test_other_settings_are_other_scores(evaluation: Evaluation, tasks: Path) -> None:
    evaluation.score(CHOICE)
    few = HarnessSettings(include_paths=(tasks,), precision="float32", limit=5, num_fewshot=1)

    outcome = evaluation.score(CHOICE, settings=few)

    assert outcome.n_scored == 3
    assert {row["n_items"] for row in evaluation.rows()} == {24, 5}
    assert {row["harness_version"].rpartition(", ")[2] for row in evaluation.rows()} == {"0-shot", "1-shot"}


def test_a_task_that_cannot_be_asked_is_said_before_a_model_is_loaded(evaluation: Evaluation, tmp_path: Path) -> None:
    lost = write_task(tmp_path, dataset_kwargs={"data_files": {"test": "gone.jsonl"}})

    with pytest.raises(ConfigError, match=r"gone\.jsonl"):
        evaluation.score("mine", settings=lost)
    with pytest.raises(ConfigError, match="no tasks named"):
        evaluation.score()
    assert evaluation.packs == []
