"""What an import makes of the store: identity, repetition, changes, joins."""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.importers.table import TableImport
from analysis.runs.configuration import read_configurations
from analysis.store import EvalRow, MetricRow, Store
from tests.analysis.importers.table.importing import Rows, contents, do_import, write, write_rows

TABLE: Rows = [
    {"lr": lr, "batch_size": 8, "seed": seed, "note": "x", "flag": True, "val_loss": 2.0 + lr + seed / 10, "acc": 0.5}
    for lr in (1e-4, 2e-4, 4e-4)
    for seed in (0, 1)
]
REPLICATES = "lr,loss,train_nll\n1e-4,2.0,1.0\n1e-4,2.1,1.1\n2e-4,1.9,1.2\n"
REPLICATES_MAP = "fields: {learning_rate: lr}\nmetrics: {eval_loss: loss}"


def _counts(done: TableImport) -> tuple[int, int, int, int]:
    changes = done.changes
    return changes.n_new, changes.n_changed, changes.n_extended, changes.n_unchanged


def _values(store: Store, metric: str = "eval_loss") -> dict[str, float]:
    results = store.snapshot().results(metric)
    return dict(zip(results["run_id"], results["value"], strict=True))


def _new_store(folder: Path) -> Store:
    return Store.open(folder, create=True)


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_store(tmp_path: Path, ending: str) -> None:
    rows = [*TABLE, {"lr": 8e-4, "batch_size": 8, "seed": 0, "val_loss": None, "acc": 0.25}]
    one, other = _new_store(tmp_path / "one"), _new_store(tmp_path / "other")
    do_import(one, write_rows(tmp_path / "t.csv", rows))
    do_import(other, write_rows(tmp_path / f"other.{ending}", rows))
    assert contents(one) == contents(other)


@settings(max_examples=10)
@given(shuffled=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, shuffled: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("order")
    rows = [*TABLE, *({"lr": 1e-4, "batch_size": 8, "seed": 0, "val_loss": value} for value in (2.5, 2.6, None))]
    one, other = _new_store(folder / "one"), _new_store(folder / "other")
    do_import(one, write_rows(folder / "t.csv", rows))
    shuffled.shuffle(rows)
    do_import(other, write_rows(folder / "t.csv", rows))
    assert contents(one) == contents(other)


def test_the_same_table_again_from_anywhere_writes_nothing(store: Store, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", TABLE)
    assert _counts(do_import(store, path)) == (6, 0, 0, 0)
    key = store.snapshot().key
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(path, tmp_path / "elsewhere" / "renamed.csv")
    assert _counts(do_import(store, tmp_path / "elsewhere" / "renamed.csv")) == (0, 0, 0, 6)
    assert store.snapshot().key == key
    assert not store.check()


def test_a_changed_value_makes_a_new_attempt_of_that_run_only(store: Store, tmp_path: Path) -> None:
    do_import(store, write_rows(tmp_path / "t.csv", TABLE))
    before = contents(store)["runs"]
    changed = [dict(row) for row in TABLE]
    changed[3]["val_loss"] = 1.5
    assert _counts(do_import(store, write_rows(tmp_path / "t.csv", changed))) == (0, 1, 0, 5)
    after = contents(store)["runs"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert [after[run_id]["attempt"] for run_id in before if after[run_id] != before[run_id]] == [2]
    assert sorted(_values(store).values())[0] == 1.5
    assert _values(store, "acc") == dict.fromkeys(before, 0.5)  # the new attempt is whole
    assert _counts(do_import(store, write_rows(tmp_path / "t.csv", TABLE))) == (0, 1, 0, 5)  # and back
    assert not store.check()


def test_new_rows_are_added_and_rows_that_are_gone_stay(store: Store, tmp_path: Path) -> None:
    do_import(store, write_rows(tmp_path / "t.csv", TABLE[:4]))
    done = do_import(store, write_rows(tmp_path / "t.csv", TABLE[2:]))
    assert (_counts(done), done.n_absent) == ((2, 0, 0, 2), 2)
    assert len(store.snapshot().runs()) == 6


def test_rows_that_agree_in_the_whole_configuration_are_replicates(store: Store, tmp_path: Path) -> None:
    done = do_import(store, write(tmp_path / "t.csv", REPLICATES), REPLICATES_MAP)
    runs = store.snapshot().runs()
    assert (len(runs), runs["trial_key"].nunique()) == (3, 2)
    assert list(done.measured) == ["train_nll"]
    assert "train_nll" in done.notes[0]
    assert sorted(read_configurations(runs)["train_nll"]) == [1.0, 1.1, 1.2]  # type: ignore[type-var]


def test_a_replicate_that_changes_keeps_its_place(store: Store, tmp_path: Path) -> None:
    do_import(store, write(tmp_path / "t.csv", REPLICATES), REPLICATES_MAP)
    before = _values(store)
    moved = REPLICATES.replace("1e-4,2.0,1.0", "1e-4,2.7,1.0") + "1e-4,2.05,1.3\n"
    assert _counts(do_import(store, write(tmp_path / "t.csv", moved), REPLICATES_MAP)) == (1, 1, 0, 2)
    after = _values(store)
    assert {after[run_id] for run_id, value in before.items() if value == 2.0} == {2.7}
    assert {after[run_id] for run_id, value in before.items() if value != 2.0} == {2.1, 1.9}


def test_a_grid_over_an_unknown_setting_is_no_measurement(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"{lr},{width},{lr * width}\n" for lr in (1, 2, 3, 4) for width in (64, 128, 256))
    done = do_import(store, write(tmp_path / "t.csv", "lr,d_model,val_loss\n" + rows))
    assert done.measured == []
    assert store.snapshot().runs()["trial_key"].nunique() == 12


def test_an_unknown_number_that_never_comes_back_is_a_measurement_unless_the_map_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{lr},{0.317 * lr + 0.1 * k},{lr}\n" for lr in (1, 2, 3, 4) for k in (0, 1))
    path = write(tmp_path / "t.csv", "lr,sharpness,val_loss\n" + rows)
    assert do_import(_new_store(tmp_path / "a"), path).measured == ["sharpness"]
    text = "fields: {learning_rate: lr}\nmetrics: {eval_loss: val_loss}\nconfig: [sharpness]"
    assert do_import(_new_store(tmp_path / "b"), path, text).measured == []


def test_two_sources_do_not_collide(store: Store, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", TABLE)
    do_import(store, path)
    assert _counts(do_import(store, path, source="other")) == (6, 0, 0, 0)
    runs = store.snapshot().runs()
    assert runs["run_id"].nunique() == 12
    assert runs["trial_key"].nunique() == 6


def test_another_table_with_the_same_configurations_is_refused(store: Store, tmp_path: Path) -> None:
    do_import(store, write_rows(tmp_path / "t.csv", TABLE))
    other = write_rows(tmp_path / "u.csv", [{**row, "val_loss": 9.0} for row in TABLE])
    key = store.snapshot().key
    with pytest.raises(ConfigError, match="another table; name it with --source"):
        do_import(store, other)
    assert store.snapshot().key == key
    assert _counts(do_import(store, other, replace=True)) == (0, 6, 0, 0)


def test_ids_are_kept_or_made_valid_and_the_original_is_the_name(store: Store, tmp_path: Path) -> None:
    do_import(store, write(tmp_path / "t.csv", "run_id,val_loss\nrun-1,2\nRun-1,3\n../../etc,4\nß,5\n"))
    runs = store.snapshot().runs()
    assert sorted(runs["name"]) == ["../../etc", "Run-1", "run-1", "ß"]
    ids = dict(zip(runs["name"], runs["run_id"], strict=True))
    assert ids["run-1"] == "run-1"
    assert len(set(ids.values())) == 4
    assert ids["../../etc"].startswith("etc-")


def test_a_second_table_with_the_same_ids_adds_to_the_runs(store: Store, tmp_path: Path) -> None:
    models = write(tmp_path / "models.csv", "run,lr,val_loss\na,1e-4,2.0\nb,2e-4,1.9\n")
    scores = write(tmp_path / "evals.csv", "run,arc_easy,cluster\na,0.5,x\nb,0.6,y\nc,0.7,z\n")
    do_import(store, models)
    assert _counts(do_import(store, scores)) == (1, 0, 2, 0)
    snapshot = store.snapshot()
    runs = snapshot.runs().set_index("run_id")
    assert list(runs["learning_rate"])[:2] == [1e-4, 2e-4]
    assert json.loads(str(runs.loc["a", "config_json"])) == {"cluster": "x", "learning_rate": 1e-4}
    assert list(snapshot.evals()["score"]) == [0.5, 0.6, 0.7]
    assert set(snapshot.evals()["higher_is_better"]) == {True}
    for path in (models, scores):
        key = store.snapshot().key
        assert do_import(store, path).changes.n_changed == 0
        assert store.snapshot().key == key


def test_a_table_adds_to_a_run_of_another_source_but_does_not_change_it(store: Store, tmp_path: Path) -> None:
    row = {"run_id": "mine-s0", "status": "finished", "source": "local", "learning_rate": 1e-4, "trial_key": "k"}
    store.append(runs=[{**row, "attempt": 1}], metrics=[MetricRow("mine-s0", 1, 9, None, None, "eval_loss", 2.0)])
    do_import(store, write(tmp_path / "t.csv", "run_id,mmlu\nmine-s0,0.5\n"))
    assert store.snapshot().evals()["score"].tolist() == [0.5]
    done = do_import(store, write(tmp_path / "u.csv", "run_id,lr\nmine-s0,9e-4\n"))
    assert (done.result.verdict, done.result.lost_records) == ("quarantined", 1)
    assert "belongs to source 'local'" in done.problems[0].reason
    runs = store.snapshot().runs()
    assert (runs["source"][0], runs["learning_rate"][0], runs["trial_key"][0]) == ("local", 1e-4, "k")


def test_nan_is_logged_and_a_blank_is_not(store: Store, tmp_path: Path) -> None:
    do_import(store, write(tmp_path / "t.csv", "lr,val_loss,note\n1,nan,NaN\n2,,b\n3,-inf,c\n4,1,d\n"))
    results = store.snapshot().results("eval_loss").sort_values("learning_rate")
    assert list(results["n_logged"]) == [1, 0, 1, 1]
    assert math.isnan(results["value"].iloc[0])
    assert results["value"].iloc[2] == -math.inf
    assert json.loads(results["config_json"].iloc[0])["note"] == "NaN"
    assert set(results["status"]) == {"finished"}


def test_kept_columns_have_their_types(store: Store, tmp_path: Path) -> None:
    text = "lr,a,b,c,d,val_loss\n1e-4,8,True,007,NA,2\n2e-4,,false,x,3.5,2\n"
    do_import(store, write(tmp_path / "t.csv", text))
    kept = [json.loads(config) for config in store.snapshot().runs().sort_values("learning_rate")["config_json"]]
    assert kept == [
        {"learning_rate": 1e-4, "a": 8, "b": True, "c": "007"},
        {"learning_rate": 2e-4, "b": False, "c": "x", "d": 3.5},
    ]


def test_statuses_of_other_programs(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,state,lr\na,Success,1\nb,crashed,2\nc,kaputt,3\nd,weird,4\ne,,5\n")
    done = do_import(
        store, path, "fields: {run_id: id, status: state, learning_rate: lr}\nstatus_values: {kaputt: failed}"
    )
    runs = store.snapshot().runs()
    assert dict(zip(runs["run_id"], runs["status"], strict=True)) == {
        "a": "finished", "b": "failed", "c": "failed", "e": "finished",
    }  # fmt: skip
    assert [(problem.line, problem.column, problem.value) for problem in done.problems] == [(5, "state", "weird")]


def test_rows_that_do_not_fit_are_listed_and_the_rest_is_imported(store: Store, tmp_path: Path) -> None:
    text = "lr,batch_size,val_loss\n1e-4,8,2\nauto,8,2\n1e-4,8.5,2\n1e-4,8,oops\n1,2\n2e-4,8,2\n"
    done = do_import(store, write(tmp_path / "t.csv", text), "fields: {learning_rate: lr, batch_size: batch_size}\n"
                     "metrics: {eval_loss: val_loss}")  # fmt: skip
    assert [(problem.line, problem.column) for problem in done.problems] == [
        (3, "lr"), (4, "batch_size"), (5, "val_loss"), (6, None),
    ]  # fmt: skip
    result = done.result
    assert (result.verdict, result.rows_expected, result.rows_got, result.lost_records) == ("partial", 6, 2, 4)


def test_units_and_whole_numbers(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "lr,time,mem,acc,steps\n1,1.5,2.5,45.5,1e3\n")
    text = """
fields: {learning_rate: lr, wall_s: time, peak_memory_bytes: mem, max_steps: steps}
metrics: {accuracy: acc}
scale: {wall_s: 60, peak_memory_bytes: 1073741824, accuracy: 0.01}
"""
    do_import(store, path, text)
    row = store.snapshot().results("accuracy").iloc[0]
    assert (row["wall_s"], row["peak_memory_bytes"], row["max_steps"]) == (90.0, 2.5 * 2**30, 1000)
    assert (row["value"], row["value_step"]) == (pytest.approx(0.455), 1000)
    assert store.snapshot().metric_directions() == {"accuracy": "max"}


def test_evals_with_details(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "lr,ARC-E,se\n1,45.5,1\n")
    text = """
fields: {learning_rate: lr}
evals: {arc_easy: "ARC-E"}
eval_details: {arc_easy: {n_items: 2376, chance_level: 0.25, scale: 0.01, stderr: se}}
"""
    do_import(store, path, text)
    row = store.snapshot().evals().iloc[0]
    assert (row["benchmark"], row["metric"], row["n_items"], row["chance_level"]) == (
        "arc_easy",
        "accuracy",
        2376,
        0.25,
    )
    assert (row["score"], row["stderr"]) == (pytest.approx(0.455), pytest.approx(0.01))


LONG = "run,step,lr,loss,secs\na,0,1,3,1\na,10,1,2,2\nb,0,2,3.5,1\nb,10,2,nan,2\n"
LONG_MAP = "fields: {run_id: run, learning_rate: lr, wall_s: secs}\nstep: step\nmetrics: {eval_loss: loss}"


@pytest.mark.parametrize("by_id", [True, False])
def test_rows_of_steps_are_joined(store: Store, tmp_path: Path, by_id: bool) -> None:
    text = LONG_MAP if by_id else LONG_MAP.replace("run_id: run, ", "") + "\nignore: [run]"
    do_import(store, write(tmp_path / "t.csv", LONG), text)
    results = store.snapshot().results("eval_loss").sort_values("learning_rate")
    assert list(results["n_logged"]) == [2, 2]
    assert results["value"].iloc[0] == 2
    assert list(results["wall_s"]) == [2.0, 2.0]
    curve = store.snapshot().curves([results["run_id"].iloc[0]], "eval_loss")
    assert (list(curve["step"]), list(curve["wall_time"])) == ([0, 10], [1.0, 2.0])


def test_a_longer_curve_goes_on_and_a_contradiction_is_listed(store: Store, tmp_path: Path) -> None:
    do_import(store, write(tmp_path / "t.csv", LONG), LONG_MAP)
    longer = do_import(store, write(tmp_path / "t.csv", LONG + "a,20,1,1.5,3\n"), LONG_MAP)
    assert _counts(longer) == (0, 0, 1, 1)
    assert _values(store)["a"] == 1.5
    clash = do_import(
        store,
        write(tmp_path / "u.csv", "run,step,lr,loss,secs\nc,0,1,3,1\nc,0,1,4,1\nd,0,1,1,1\nd,1,2,1,1\n"),
        LONG_MAP,
    )
    assert [problem.line for problem in clash.problems] == [2, 3, 4]
    assert "several values" in clash.problems[0].reason
    assert "disagree: 1.0 and 2.0; a rate that decays" in clash.problems[2].reason
    assert clash.result.verdict == "quarantined"


def test_metric_names_in_a_column(store: Store, tmp_path: Path) -> None:
    text = "run,step,m,v\na,1,val/loss,3\na,2,val/loss,2\na,2,acc,0.5\na,3,,1\n"
    done = do_import(store, write(tmp_path / "t.csv", text), "fields: {run_id: run}\nstep: step\nmetric_name: m\n"
                     'metric_value: v\nmetrics: {eval_loss: "val/loss"}\ndirections: {acc: max}')  # fmt: skip
    assert store.snapshot().metric_names() == ["acc", "eval_loss"]
    assert _values(store) == {"a": 2.0}
    assert [problem.line for problem in done.problems] == [5]


def test_wide_curves(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "lr,v0,v1,v2,v10\n1,4,3,,1\n")
    do_import(store, path, 'fields: {learning_rate: lr}\ncurves: {eval_loss: {columns: "v{step}", every: 200}}\n'
              "blank_is_nan: [eval_loss]")  # fmt: skip
    run_id = store.snapshot().runs()["run_id"][0]
    curve = store.snapshot().curves([run_id], "eval_loss")
    assert list(curve["step"]) == [0, 200, 400, 2000]
    assert math.isnan(curve["value"][2])


def test_a_declared_direction_that_comes_later_is_taken(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "lr,quality\n1,2\n2,3\n")
    text = "fields: {learning_rate: lr}\nmetrics: {quality: quality}"
    do_import(store, path, text)
    assert store.snapshot().metric_directions() == {}
    do_import(store, path, text + "\ndirections: {quality: max}")
    assert store.snapshot().metric_directions() == {"quality": "max"}
    assert set(store.snapshot().runs()["attempt"]) == {1}


def test_provenance_names_the_file_but_no_folder(store: Store, tmp_path: Path) -> None:
    do_import(store, write(tmp_path / "t.csv", REPLICATES), REPLICATES_MAP)
    text = str(store.snapshot().runs()["provenance_json"][0])
    assert json.loads(text)["file"] == "t.csv"
    assert len(json.loads(text)["file_sha256"]) == 64
    assert str(tmp_path) not in text


def test_a_killed_import_is_completed_by_the_next(store: Store, tmp_path: Path) -> None:
    whole = _new_store(tmp_path / "whole")
    path = write(tmp_path / "t.csv", "run,lr,val_loss,mmlu\na,1,2,0.5\nb,2,3,0.6\n")
    do_import(whole, path)
    # It wrote the metrics and one score, and neither the other score nor any run.
    store.append(metrics=[MetricRow("a", 1, 0, None, None, "eval_loss", 2.0)],
                 evals=[EvalRow("a", 1, 0, "mmlu", "accuracy", 0.5, higher_is_better=True)])  # fmt: skip
    do_import(store, path)
    assert contents(store) == contents(whole)


def test_a_header_without_rows_is_nothing_to_import(store: Store, tmp_path: Path) -> None:
    done = do_import(store, write(tmp_path / "t.csv", "lr,val_loss\n"))
    assert (done.result.verdict, done.result.reason) == ("quarantined", "the table has no rows")


def test_each_table_has_one_word_among_the_imports_and_a_changed_one_a_new_word(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    path = tmp_path / "sweep.csv"
    path.write_text("lr,seed,val_loss\n1e-4,0,2.5\n2e-4,0,2.4\n")
    do_import(store, path)
    do_import(store, path)
    path.write_text("lr,seed,val_loss\n1e-4,0,2.5\n2e-4,0,2.4\n4e-4,0,oops\n")
    do_import(store, path)
    (line,) = store.snapshot().imports().to_dict("records")
    assert (line["kind"], line["label"], line["verdict"]) == ("table", "table: sweep.csv", "partial")
    assert (line["rows_expected"], line["rows_got"], line["lost_records"]) == (3, 2, 1)
    assert store.snapshot().query("SELECT count(*) AS n FROM {imports}").to_pylist() == [{"n": 2}]
