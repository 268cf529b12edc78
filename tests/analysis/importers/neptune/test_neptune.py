import json
import math
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import ConfigError
from analysis.importers.neptune import SOURCE
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from tests.analysis.importers.neptune.exported import SCHEMA, START, point, training, value, write, write_run


def found(*targets: Path) -> list[Item | Refusal]:
    return list(SOURCE.find(Request(targets=tuple(map(str, targets)), now=4e9)))


def taken(path: Path) -> list[SourceRun | Refusal]:
    request = Request(targets=(str(path),), now=4e9)
    items = [item for item in found(path) if isinstance(item, Item)]
    return [run for item in items for run in SOURCE.read(item, request, lambda _: None)]


def only(path: Path) -> SourceRun:
    (run,) = taken(path)
    assert isinstance(run, SourceRun)
    return run


def numbers(run: SourceRun) -> dict[tuple[int, str], float]:
    return {(row["step"], row["name"]): row["value"] for row in run.history.to_pylist()}


def objects(run: SourceRun) -> dict[tuple[int, str], object]:
    return {(row["step"], row["name"]): json.loads(row["json"]) for row in run.objects.to_pylist()}


def test_the_columns_are_those_of_the_exporter() -> None:
    from analysis.importers.neptune.export_files import SCHEMA as OURS

    assert OURS.equals(SCHEMA)


def test_every_number_of_every_part_arrives(tmp_path: Path) -> None:
    rows = training(1e-4, 0)
    paths = write_run(tmp_path, "run-0", rows[:12], rows[12:15], rows[15:])
    run = only(tmp_path)

    table = pa.concat_tables(map(pq.read_table, paths))
    expected = {
        (int(row["step"]), row["attribute_path"]): row["float_value"]
        for row in table.to_pylist()
        if row["attribute_type"] == "float_series"
    }
    assert numbers(run) == expected
    assert len(expected) == 12
    assert (run.rows_expected, run.rows_got, run.verdict) == (10, 10, "complete")


def test_settings_names_and_tags_go_where_they_belong(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", training(1e-4, 7, description="try", custom_run_id="mine"))
    run = only(tmp_path)
    assert run.config == {
        "parameters": {"learning_rate": 1e-4, "seed": 7, "model_name_or_path": "meta-llama/Llama-3.2-1B"},
        "eval": {"best": 1.5001},
    }
    assert run.summary == {"eval/best": 1.5001}
    assert run.no_trial_keys == ("eval.best",)
    assert (run.name, run.tags, run.notes_text, run.created_at) == ("mine", ("lora", "sweep"), "try", START)
    assert run.environment["sys/name"] == "lr 1e-5"
    assert run.columns == {}


def test_wall_time_counts_from_the_creation(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", training(1e-4, 0))
    assert max(only(tmp_path).history["wall_time"].to_pylist()) == 9.0


@pytest.mark.parametrize(
    ("facts", "status", "verdict"),
    [
        ({"failed": True}, "failed", "complete"),
        ({"failed": False}, "unconfirmed", "complete"),
        ({"state": "Active"}, "running", "unverified"),
        ({}, "unconfirmed", "complete"),
    ],
)
def test_the_status_says_what_neptune_knows(tmp_path: Path, facts: dict[str, Any], status: str, verdict: str) -> None:
    write_run(tmp_path, "run-0", training(1e-4, 0, **facts))
    assert (only(tmp_path).status, only(tmp_path).verdict) == (status, verdict)


def test_a_run_that_logged_all_its_steps_is_finished(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", [*training(1e-4, 0), value("parameters/max_steps", 10)])
    write_run(tmp_path, "run-1", [*training(1e-4, 1), point("train/train_runtime", 9, 12.5)])
    assert [run.status for run in taken(tmp_path) if isinstance(run, SourceRun)] == ["finished", "finished"]


def test_other_series_become_objects_and_empty_numbers_stay_empty(tmp_path: Path) -> None:
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [3.0, 4.0]}
    rows = [
        point("log", 0, "hällo 😀", "string"),
        point("weights", 1, histogram, "histogram"),
        point("samples", 2, {"path": "a/b.png"}, "file"),
        point("loss", 3, None),
        point("loss", 4, math.inf),
        point("monitoring/cpu", 1, 50.0),
        point("monitoring/stdout", 1, "text", "string"),
        {"attribute_path": "model", "attribute_type": "file", "file_value": {"path": "a/model.bin"}},
    ]
    write_run(tmp_path, "run-0", rows)
    run = only(tmp_path)
    assert objects(run) == {
        (0, "log"): "hällo 😀",
        (1, "weights"): histogram,
        (2, "samples"): {"path": "a/b.png"},
        (3, "loss"): None,
    }
    assert numbers(run) == {(4, "loss"): math.inf}
    assert run.notes == (
        "2 values of system metrics (monitoring/...) were not read",
        "1 numbers are empty in the export; it writes NaN so",
        "1 files were not copied; their paths are in the provenance",
    )
    assert run.environment["files"] == {"model": "a/model.bin"}
    assert (run.rows_got, run.verdict) == (5, "complete")


@pytest.mark.parametrize(
    ("steps", "stored"),
    [((0.5, 1.0, 2.5), (5, 10, 25)), (("0.000001", 3), (1, 3_000_000)), ((10, 20), (10, 20))],
)
def test_steps_with_decimals_become_whole(tmp_path: Path, steps: tuple[float], stored: tuple[int]) -> None:
    write_run(tmp_path, "run-0", [point("loss", step, 1.0) for step in steps] + [point("log", steps[0], "x", "string")])
    run = only(tmp_path)
    assert tuple(step for step, _ in numbers(run)) == stored
    assert next(iter(objects(run))) == (stored[0], "log")
    assert bool(run.notes) == (steps[0] != 10)


def test_a_step_below_zero_or_none_is_a_problem(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", [point("loss", -1, 1.0), point("loss", None, 1.0), point("loss", 2, 1.0)])
    run = only(tmp_path)
    assert (run.rows_expected, run.rows_got, run.verdict) == (3, 1, "partial")
    assert [problem.value for problem in run.problems] == ["-1.000000", "no step"]


def test_a_name_that_is_also_a_namespace_loses_nothing(tmp_path: Path) -> None:
    rows = [value("model", "llama"), value("model/size", 3), value("model/size/unit", "B"), value("large", 2**62 + 1)]
    write_run(tmp_path, "run-0", rows)
    assert only(tmp_path).config == {"model": "llama", "model/size": 3, "model/size/unit": "B", "large": 2**62 + 1}


def test_all_runs_of_a_root_come_in_a_stable_order(tmp_path: Path) -> None:
    for seed in (2, 0, 1):
        write_run(tmp_path, f"run {seed}", training(1e-4, seed))
    write_run(tmp_path, "run 0", training(1e-4, 0), project="team/other")

    runs = [run for run in taken(tmp_path) if isinstance(run, SourceRun)]
    assert [run.label for run in runs] == ["team/other/run 0", "team/sft/run 0", "team/sft/run 1", "team/sft/run 2"]
    assert len({run.key for run in runs}) == 4
    assert len(found(tmp_path, tmp_path, next(tmp_path.rglob("*.parquet")))) == 4


def test_a_copy_of_an_export_is_the_same_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "run-0", training(1e-4, 0))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert only(tmp_path / "a").key == only(tmp_path / "b").key


def test_runs_of_an_early_version_share_their_files(tmp_path: Path) -> None:
    rows = [{"project_id": "p", "run_id": f"RUN-{seed}", **row} for seed in (1, 2) for row in training(1e-4, seed)]
    write(tmp_path / "part_0.parquet", rows[:20])
    write(tmp_path / "part_1.parquet", rows[20:])
    runs = [run for run in taken(tmp_path) if isinstance(run, SourceRun)]
    assert [(run.key, run.rows_got) for run in runs] == [(("p", "RUN-1"), 10), (("p", "RUN-2"), 10)]


def test_a_missing_part_is_partial(tmp_path: Path) -> None:
    rows = training(1e-4, 0)
    paths = write_run(tmp_path, "run-0", rows[:12], rows[12:15], rows[15:])
    paths[1].unlink()
    run = only(tmp_path)
    assert (run.verdict, run.rows_got) == ("partial", 10 - 3 + 1)
    assert "part 1 is missing" in (run.reason or "")


def test_an_export_that_did_not_finish_says_so(tmp_path: Path) -> None:
    first, second = write_run(tmp_path, "run-0", training(1e-4, 0), training(1e-4, 0))
    first.rename(f"{first}.tmp")
    assert only(tmp_path).verdict == "partial"

    second.rename(f"{second}.tmp")
    (refusal,) = found(tmp_path)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("the exporter did not finish")


@pytest.mark.parametrize("content", [b"", b"PAR1", bytes(range(256)) * 20])
def test_a_damaged_part_costs_only_itself(tmp_path: Path, content: bytes) -> None:
    rows = training(1e-4, 0)
    _, second = write_run(tmp_path, "run-0", rows[:17], rows[17:])
    second.write_bytes(content)
    run = only(tmp_path)
    assert run.verdict == "partial"
    assert "is damaged" in (run.reason or "")

    next(tmp_path.rglob("*_part_0.parquet")).write_bytes(content)
    (refusal,) = taken(tmp_path)
    assert isinstance(refusal, Refusal)


def test_text_that_is_none_is_damage(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, "run-0", training(1e-4, 0))
    table = pq.read_table(path)
    text = pa.array([b"\xfe\xff"] * len(table), pa.binary()).view(pa.string())
    pq.write_table(table.set_column(8, "string_value", text), path)
    (answer,) = taken(tmp_path)
    assert isinstance(answer, Refusal) or answer.verdict == "partial"


def test_a_truncated_part_is_damaged(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, "run-0", training(1e-4, 0))
    path.write_bytes(path.read_bytes()[:-100])
    assert isinstance(taken(tmp_path)[0], Refusal)


def test_columns_of_other_types_are_told_and_missing_ones_are_empty(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, "run-0", training(1e-4, 0))
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["histogram_value", "file_value"]), path)
    assert only(tmp_path).rows_got == 10

    pq.write_table(table.set_column(4, "step", pa.array(["x"] * len(table))), path)
    assert isinstance(taken(tmp_path)[0], Refusal)


def test_foreign_files_are_none_of_ours(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "part_0.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"no")
    assert found(tmp_path) == []
    assert found(tmp_path / "x.parquet") == []


def test_a_file_that_the_user_named_may_have_any_name(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, "run-0", training(1e-4, 0))
    path.rename(tmp_path / "mine.parquet")
    assert only(tmp_path / "mine.parquet").rows_got == 10


def test_a_run_that_logged_nothing_has_no_rows(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", [value("parameters/lr", 1e-4)])
    assert (only(tmp_path).rows_got, only(tmp_path).config) == (0, {"parameters": {"lr": 1e-4}})
    assert only(tmp_path).notes == ("nothing was logged at any step",)
    write_run(tmp_path, "run-1", [])
    assert isinstance(taken(tmp_path)[-1], Refusal)


def test_the_digest_changes_with_the_export(tmp_path: Path) -> None:
    write_run(tmp_path, "run-0", training(1e-4, 0))
    (before,) = found(tmp_path)
    write_run(tmp_path, "run-0", training(1e-4, 0, n_steps=11))
    (after,) = found(tmp_path)
    assert isinstance(before, Item)
    assert isinstance(after, Item)
    assert before.digest != after.digest


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        found(tmp_path / "nowhere")
