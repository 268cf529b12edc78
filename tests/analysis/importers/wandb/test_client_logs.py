"""Runs that the real client wrote offline: every value against what the writing script logged."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from analysis.importers.source_run import SourceRun
from analysis.importers.wandb import SOURCE
from analysis.importers.wandb_log import path_keys
from tests.analysis.importers.reading import curve, points, read_all
from tests.analysis.importers.wandb.made_up import objects
from tests.analysis.importers.wandb_log import write_logs
from tests.analysis.importers.wandb_log.client import KilledRun
from tests.analysis.importers.wandb_log.frames import read_sound_log
from tests.analysis.importers.wandb_log.test_real_logs import flat

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def runs(client_logs: Path) -> dict[str, SourceRun]:
    """All runs of the client's folder by label."""
    found, refusals = read_all(SOURCE, client_logs)
    assert refusals == []
    return {run.label: run for run in found}


@pytest.fixture(scope="module")
def rich_run(runs: dict[str, SourceRun]) -> SourceRun:
    return runs["team/rich/rich (local)"]


def test_every_run_comes_once_with_the_rows_that_were_logged(runs: dict[str, SourceRun]) -> None:
    n_rows = {label: (run.rows_expected, run.rows_got) for label, run in runs.items()}
    expected = {
        "team/rich/rich (local)": len(list(write_logs.rich_rows())) + 3,
        "long/long (local)": write_logs.LONG_ROWS,
        "parts/parts (local)": sum(write_logs.PART_ROWS),
        **{f"{project}/same (local)": rows for project, rows in write_logs.PROJECT_ROWS.items()},
    }
    assert n_rows == {label: (rows, rows) for label, rows in expected.items()}
    assert {run.verdict for run in runs.values()} == {"complete"}
    assert len({run.key for run in runs.values()}) == len(runs)
    assert len({mark for run in runs.values() for mark in run.marks}) == sum(len(run.marks) for run in runs.values())


def test_every_value_of_the_rich_run_stands_where_it_belongs(rich_run: SourceRun) -> None:
    numbers = {(step, name): value for (_, step, name), value in points(rich_run).items()}
    texts = {(step, name): json.loads(text) for (_, step, name), text in objects(rich_run).items()}
    for step, logged in enumerate(write_logs.rich_rows()):
        for path, value in flat(logged).items():
            # `n.a` is nested and a plain key at once: only then the plain one keeps its backslash.
            name = path if path == "n\\.a" else ".".join(path_keys(path))
            check(value, numbers.pop((step, name), None), texts.pop((step, name), None))
    rest = {(20 + 4 + 1, "merged"): 1, (25, "also"): 2, (50, "same"): 1, (50, "step"): 2}
    assert numbers == rest
    ((place, table),) = texts.items()
    assert place == (24, "table")
    assert table["columns"] == ["q", "s"]
    assert table["data"][0] == ["x", 1.0]
    assert math.isnan(table["data"][1][1])


def check(value: object, number: float | None, text: object) -> None:
    """One logged value against its number and its object."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        whole = value.encode(errors="replace").decode().replace("?", "\ufffd") if isinstance(value, str) else value
        assert (number, text) == (None, whole)
    elif isinstance(value, int) and 2**53 <= abs(value) < 2**63:
        assert (number, text) == (float(value), value)
    else:
        assert number is not None
        assert text is None
        assert number == value or (math.isnan(number) and math.isnan(float(str(value))))


def test_what_the_rich_run_says_of_itself(rich_run: SourceRun) -> None:
    assert (rich_run.name, rich_run.group, rich_run.job_type) == ("näme", "g", "sft")
    assert (rich_run.tags, rich_run.notes_text) == (("a", "b", "c"), "second")
    assert (rich_run.status, rich_run.exit_code) == ("finished", 0)
    assert rich_run.config["optimizer"] == {"name": "sgd"}
    assert rich_run.config["huge"] == 2**70
    assert rich_run.config["infinite"] == math.inf
    assert "_wandb" not in rich_run.config
    assert rich_run.summary["nest"] == {"u": {"v": 1}, "w": 3}
    assert rich_run.summary["val/acc"] == {"min": 1}
    assert not {"_step", "_timestamp", "_runtime", "_wandb"} & rich_run.summary.keys()
    assert rich_run.created_at is not None
    walls = rich_run.history["wall_time"].to_pylist()
    assert all(0 <= wall < 200 for wall in walls)


def test_parts_that_began_anew_are_attempts(runs: dict[str, SourceRun]) -> None:
    run = runs["parts/parts (local)"]
    for part, n_rows in enumerate(write_logs.PART_ROWS):
        assert curve(run, "part", part + 1) == dict.fromkeys(range(n_rows), part)
    assert run.config["part"] == 1
    assert len(run.marks) >= 2


def test_a_long_run_comes_with_every_number_and_how_it_failed(runs: dict[str, SourceRun]) -> None:
    run = runs["long/long (local)"]
    assert (run.status, run.exit_code, run.status_reason) == ("failed", 3, "exit code 3")
    assert points(run) == {
        (1, i, name): value for i in range(write_logs.LONG_ROWS) for name, value in write_logs.long_row(i).items()
    }


def test_copies_and_the_link_to_the_latest_run_add_nothing(
    client_logs: Path, tmp_path: Path, runs: dict[str, SourceRun]
) -> None:
    shutil.copytree(client_logs / "wandb", tmp_path / "copy", symlinks=True)
    assert (tmp_path / "copy" / "latest-run").is_symlink()
    again, refusals = read_all(SOURCE, client_logs, tmp_path, client_logs / "wandb" / "latest-run")
    assert refusals == []
    assert {run.label: run.rows_got for run in again} == {label: run.rows_got for label, run in runs.items()}
    (alone,), _ = read_all(SOURCE, tmp_path / "copy" / "latest-run")
    assert alone.marks == runs[alone.label].marks


@pytest.mark.parametrize(("job", "status", "exit_code"), [("raise", "failed", 1), ("silent", "unconfirmed", 0)])
def test_how_a_script_ended(ended_logs: dict[str, Path], job: str, status: str, exit_code: int) -> None:
    (run,), _ = read_all(SOURCE, ended_logs[job])
    assert (run.status, run.exit_code, run.verdict, run.rows_got) == (status, exit_code, "complete", 3)


def test_a_killed_run_comes_with_all_that_reached_the_disk(killed: KilledRun) -> None:
    on_disk = sum(record.kind == "history" for record in read_sound_log(killed.path.read_bytes()))
    (run,), _ = read_all(SOURCE, killed.path)
    assert 0 < run.rows_expected == run.rows_got == on_disk <= write_logs.LONG_ROWS
    assert (run.status, run.exit_code) == ("lost", None)
    assert run.verdict in ("partial", "unverified")
    assert run.reason is not None
    assert points(run) == {
        (1, i, name): value for i in range(on_disk) for name, value in write_logs.long_row(i).items()
    }
    (alive,), _ = read_all(SOURCE, killed.path, now=killed.path.stat().st_mtime + 1)
    assert (alive.status, alive.verdict) == ("running", "unverified")
