"""Result files of the real harness: every score once, with its error, questions and direction, for the right run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.importers.lm_eval import SOURCE
from analysis.importers.registry import kind_named
from analysis.importers.sink import import_from
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun, SourceScore
from analysis.store import Store
from analysis.store.marker import MARKER
from tests.analysis.importers.trainer.folders import LOGS as TRAINER_LOGS
from tests.analysis.importers.trainer.folders import read_one

LOGS = Path(__file__).parent / "logs" / "out"
BASE, ADAPTER = LOGS / "__srv__sweep__tiny-model", LOGS / "__srv__sweep__sft-high"
FULL = next(BASE.glob("results_*T09-28-04*.json"))
LIMITED = next(BASE.glob("results_*T09-28-31*.json"))


def _read(*targets: Path) -> list[SourceRun | Refusal]:
    request = Request(targets=tuple(map(str, targets)))
    found: list[SourceRun | Refusal] = []
    for item in SOURCE.find(request):
        found += list(SOURCE.read(item, request, lambda _: None)) if isinstance(item, Item) else [item]
    return found


def _one(*targets: Path) -> SourceRun:
    (run,) = _read(*targets)
    assert isinstance(run, SourceRun), run
    return run


def _by_name(run: SourceRun, attempt: int = 1) -> dict[str, SourceScore]:
    return {f"{score.benchmark} {score.metric}": score for score in run.scores if score.attempt == attempt}


def _stated(path: Path) -> int:
    """Scores in a file, counted independently."""
    results = json.loads(path.read_text())["results"]
    return sum("," in key and "_stderr" not in key for values in results.values() for key in values)


def _write(path: Path, **changes: object) -> Path:
    """A copy of the full report with other content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(FULL.read_text()) | changes))
    return path


def test_every_score_arrives_once() -> None:
    run = _one(FULL)
    assert len(run.scores) == _stated(FULL) == 7
    assert (run.verdict, run.status, run.rows_got, run.rows_expected) == ("complete", "finished", 7, 7)


def test_a_score_has_all_that_the_harness_says_of_it() -> None:
    assert _by_name(_one(FULL))["tiny_choice acc_norm"] == SourceScore(
        benchmark="tiny_choice",
        metric="acc_norm",
        score=1 / 3,
        stderr=0.210818510677892,
        n_items=6,
        higher_is_better=True,
        harness="lm-eval",
        harness_version="0.4.13, task 1.0, 0-shot",
        items_digest="5d103c3505411718db1b7cb8496c42722f92dc491b7e5497dd04d5faecf007a5",
    )


def test_filters_other_than_none_stay_in_the_name() -> None:
    assert {name for name in _by_name(_one(FULL)) if "words" in name} == {
        "tiny_words exact_match,strict",
        "tiny_words exact_match,loose",
    }


def test_groups_are_marked() -> None:
    run = _one(FULL)
    group = _by_name(run)["tiny_group (group) acc"]
    assert (group.score, group.n_items, group.higher_is_better) == (0.25, 12, True)
    assert any("tiny_group" in note for note in run.notes)


def test_two_files_of_one_model_are_one_run_and_more_questions_count() -> None:
    run = _one(BASE)
    assert _by_name(run)["tiny_choice acc"].n_items == 6
    assert {score.attempt for score in run.scores} == {1}
    assert len(run.scores) == 7


def test_a_newer_score_on_as_many_questions_counts_and_the_older_is_kept(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "model"))
    before = _one(folder).scores
    results = json.loads(FULL.read_text())["results"]
    results["tiny_words"]["exact_match,strict"] = 0.5
    _write(folder / "results_2026-11-23T00-00-00.000000.json", results=results, date=1795400000.0)
    run = _one(folder)
    assert [score for score in run.scores if score.attempt == 1] == before
    assert _by_name(run, 2)["tiny_words exact_match,strict"].score == 0.5
    assert _by_name(run, 2).keys() == _by_name(run, 1).keys()


def test_scores_on_few_questions_give_way_to_later_ones_on_all(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copyfile(LIMITED, folder / LIMITED.name)
    assert _by_name(_one(folder))["tiny_choice acc"].n_items == 4
    _write(folder / "results_2026-11-23T00-00-00.000000.json", date=1795400000.0)
    assert _by_name(_one(folder), 2)["tiny_choice acc"].n_items == 6


def test_an_adapters_scores_go_to_the_run_that_trained_it() -> None:
    trained = read_one(TRAINER_LOGS / "sft-high")
    runs = [run for run in _read(ADAPTER, TRAINER_LOGS) if isinstance(run, SourceRun)]
    (run,) = runs
    assert (run.kind, run.key, run.marks, run.label) == (trained.kind, trained.key, trained.marks, trained.label)
    assert run.history.equals(trained.history)
    assert (run.rows_got, run.verdict) == (trained.rows_got, trained.verdict)
    assert len(run.scores) == _stated(next(ADAPTER.glob("results_*.json"))) == 4
    assert {(score.step, score.attempt) for score in run.scores} == {(12, 1)}


def test_a_checkpoints_scores_stand_at_its_step(tmp_path: Path) -> None:
    config = json.loads(FULL.read_text())["config"]
    config["model_args"] = {"pretrained": "/srv/sweep/tiny-model", "peft": "/srv/sweep/sft-low/checkpoint-4/"}
    path = _write(tmp_path / "results_2026-11-22T00-00-00.000000.json", config=config)
    run = _one(path, TRAINER_LOGS / "sft-low")
    assert run.key == read_one(TRAINER_LOGS / "sft-low").key
    assert {score.step for score in run.scores} == {4}


def test_two_folders_of_one_place_leave_open_whose_the_scores_are(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TRAINER_LOGS / "sft-high", tmp_path / "copy"))
    run = _one(ADAPTER, TRAINER_LOGS / "sft-high", folder)
    assert run.kind == "lm-eval"


def test_a_model_without_a_known_training_is_a_run_of_its_own() -> None:
    run = _one(ADAPTER)
    assert (run.kind, run.name, run.columns) == ("lm-eval", "sft-high", {"model": "/srv/sweep/tiny-model"})
    assert run.history.num_rows == 0
    assert "is not among the targets" in run.notes[-1]
    assert run.key != _one(FULL).key


@pytest.mark.parametrize(("name", "step"), [("adapter", None), ("adapter-step-4", 4)])
def test_scores_of_an_adapter_of_this_store_belong_to_its_run(tmp_path: Path, name: str, step: int | None) -> None:
    adapter = tmp_path / "store" / "artifacts" / "abc-s1" / name
    adapter.mkdir(parents=True)
    config = {"model": "hf", "model_args": f"pretrained=base,peft={adapter},dtype=float32"}
    path = _write(tmp_path / "results_2026-11-22T00-00-00.000000.json", config=config)
    assert _one(path).own_run_id is None
    (tmp_path / "store" / MARKER).write_text("{}")
    run = _one(path)
    assert (run.own_run_id, run.columns, run.scores_at_end) == ("abc-s1", {"model": "base"}, step is None)
    assert {(score.step, score.attempt) for score in run.scores} == {(step or 0, 1)}


def test_other_files_of_a_run_of_this_store_are_not_its_adapter(tmp_path: Path) -> None:
    other = tmp_path / "store" / "artifacts" / "abc-s1" / "merged"
    other.mkdir(parents=True)
    (tmp_path / "store" / MARKER).write_text("{}")
    config = {"model": "hf", "model_args": f"pretrained={other}"}
    assert _one(_write(tmp_path / "results_2026-11-22T00-00-00.000000.json", config=config)).own_run_id is None


def test_an_import_gives_them_to_that_run_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    store.append(runs=[{"run_id": "abc-s1", "status": "finished", "source": "ucurve", "max_steps": 40}])
    adapter = tmp_path / "store" / "artifacts" / "abc-s1" / "adapter"
    config = {"model": "hf", "model_args": f"pretrained=base,peft={adapter}"}
    path = _write(tmp_path / "evals" / "results_2026-11-22T00-00-00.000000.json", config=config)
    reports = [import_from([kind_named("lm-eval")], Request(targets=(str(path),)), store) for _ in range(2)]
    assert [line.state for report in reports for line in report.lines] == ["extended", "known"]
    rows = store.snapshot().scored(["abc-s1"]).to_pylist()
    assert rows
    assert {(row["step"], row["attempt"], row["harness"]) for row in rows} == {(40, 1, "lm-eval")}
    assert list(store.snapshot().runs()["run_id"]) == ["abc-s1"]


def test_how_it_ran_does_not_make_another_model(tmp_path: Path) -> None:
    stated = json.loads(FULL.read_text())["config"]
    for index, args in enumerate(({"batch_size": 8}, {"device": "cuda:1"}, {"dtype": "float16"})):
        config = stated | {"model_args": stated["model_args"] | args}
        _write(tmp_path / f"results_2026-11-2{index}T00-00-00.000000.json", config=config)
    assert len(_read(tmp_path)) == 2


def test_the_same_choices_for_all_give_the_chance_level(tmp_path: Path) -> None:
    configs = json.loads(FULL.read_text())["configs"]
    configs["tiny_choice"]["doc_to_choice"] = ["A", "B", "C", "D"]
    scores = _by_name(_one(_write(tmp_path / "results_2026-11-22T00-00-00.000000.json", configs=configs)))
    assert (scores["tiny_choice acc"].chance_level, scores["tiny_mirror acc"].chance_level) == (0.25, None)


def test_values_that_are_no_numbers_are_said(tmp_path: Path) -> None:
    results = {
        "a": {"alias": "a", "acc,none": "N/A", "f1,none": float("nan"), "f1_stderr,none": "N/A", "perplexity": 12.5},
        "b": "text",
    }
    run = _one(_write(tmp_path / "results_2026-11-22T00-00-00.000000.json", results=results))
    scores = _by_name(run)
    assert scores.keys() == {"a f1", "a perplexity"}
    assert repr(scores["a f1"].score) == "nan"
    assert scores["a f1"].stderr is None
    assert (run.verdict, run.rows_expected, run.rows_got) == ("partial", 4, 2)
    assert [problem.column for problem in run.problems] == ["a acc,none", "b"]


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_file_is_refused_and_the_others_come_in(tmp_path: Path, content: str) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "model"))
    (folder / LIMITED.name).write_text(content)
    refusals = [found for found in _read(folder) if isinstance(found, Refusal)]
    runs = [found for found in _read(folder) if isinstance(found, SourceRun)]
    assert [refusal.label for refusal in refusals] == [str(folder / LIMITED.name)]
    assert [len(run.scores) for run in runs] == [7]


def test_results_of_other_tools_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"results": {"acc": 1}}')
    (tmp_path / "all_results.json").write_text('{"eval_loss": 1}')
    assert _read(tmp_path) == []


def test_the_digest_follows_the_files(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "model"))
    request = Request(targets=(str(folder),))
    digests = []
    for _ in range(2):
        (item,) = SOURCE.find(request)
        assert isinstance(item, Item)
        digests.append(item.digest)
        _write(folder / "results_2026-11-23T00-00-00.000000.json", date=1795400000.0)
    assert digests[0] != digests[1]


@pytest.mark.parametrize("date", [1e300, float("nan"), "x", None, -1e18])
def test_an_odd_date_is_no_date(tmp_path: Path, date: object) -> None:
    run = _one(_write(tmp_path / "results_2026-11-22T00-00-00.000000.json", date=date))
    assert (run.created_at, len(run.scores)) == (None, 7)
