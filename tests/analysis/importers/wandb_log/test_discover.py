from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.wandb_log import LogFile, discover_logs, group_logs, read_part, read_run_log
from tests.analysis.importers.wandb_log.frames import (
    HEADER,
    exit_record,
    history_record,
    numbered,
    run_record,
    write_log,
)
from tests.analysis.importers.wandb_log.write_logs import LONG_ROWS, PART_ROWS, PROJECT_ROWS

pytestmark = pytest.mark.timeout(400)


def place(folder: Path, name: str, content: bytes = b"log") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_each_log_of_the_client_is_found_once_though_latest_run_links_to_one(client_logs: Path) -> None:
    assert (client_logs / "wandb" / "latest-run").is_symlink()
    found = discover_logs([client_logs, client_logs / "wandb", client_logs / "wandb" / "latest-run"])
    assert len(found.files) == 6
    assert all(not file.copies and not file.path.is_symlink() for file in found.files)
    assert found.problems == ()


def test_a_copied_folder_is_a_copy(client_logs: Path, tmp_path: Path) -> None:
    shutil.copytree(client_logs / "wandb", tmp_path / "copy", symlinks=True)
    found = discover_logs([client_logs, tmp_path])
    assert len(found.files) == 6
    assert all(len(file.copies) == 1 for file in found.files)


def test_links_in_a_circle_and_a_linked_wandb_folder(tmp_path: Path) -> None:
    log = place(tmp_path / "scratch", "wandb/offline-run-1/run-a.wandb")
    project = tmp_path / "project"
    project.mkdir()
    (project / "wandb").symlink_to(tmp_path / "scratch" / "wandb")
    (tmp_path / "scratch" / "wandb" / "back").symlink_to(project)
    assert discover_logs([project]).files == (LogFile(log.resolve()),)


def test_hard_links_are_one_log_and_other_files_none(tmp_path: Path) -> None:
    log = place(tmp_path, "a/run-a.wandb")
    (tmp_path / "b").mkdir()
    os.link(log, tmp_path / "b" / "run-b.wandb")
    place(tmp_path, "a/run-a.wandb.synced")
    (tmp_path / "run-folder.wandb").mkdir()
    assert len(discover_logs([tmp_path]).files) == 1


def test_equal_length_is_not_equal_content_and_empty_logs_are_no_copies(tmp_path: Path) -> None:
    place(tmp_path, "run-a.wandb", b"one")
    place(tmp_path, "run-b.wandb", b"two")
    for name in ("run-c.wandb", "run-d.wandb"):
        place(tmp_path, name, HEADER)
    found = discover_logs([tmp_path])
    assert [file.path.name for file in found.files] == ["run-a.wandb", "run-b.wandb", "run-c.wandb", "run-d.wandb"]
    assert all(file.copies == () for file in found.files)


def test_a_dead_link_is_said_and_a_named_file_needs_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "run-gone.wandb").symlink_to(tmp_path / "nowhere")
    named = place(tmp_path, "old-name.wandb")
    found = discover_logs([tmp_path, named])
    assert [file.path.name for file in found.files] == ["old-name.wandb"]
    (problem,) = found.problems
    assert Path(problem.path).name == "run-gone.wandb"


def test_a_path_with_nothing_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        discover_logs([tmp_path / "typo"])


def test_parts_of_a_run_are_attempts_and_one_id_in_two_projects_is_two_runs(client_logs: Path) -> None:
    grouping = group_logs(discover_logs([client_logs]).files)
    assert grouping.unplaced == ()
    by_run = {(run.project, run.run_id): run for run in grouping.runs}
    assert by_run.keys() == {("rich", "rich"), ("long", "long"), ("parts", "parts"), ("one", "same"), ("two", "same")}
    parts = by_run["parts", "parts"].parts
    assert [part.attempt for part in parts] == [1, 2]
    logs = [read_part(part) for part in parts]
    assert [log.n_rows for log in logs] == list(PART_ROWS)
    assert [log.config["part"] for log in logs] == [0, 1]
    for project, n_rows in PROJECT_ROWS.items():
        (part,) = by_run[project, "same"].parts
        assert read_part(part).n_rows == n_rows


def test_an_older_copy_and_a_damaged_copy_are_the_same_part(tmp_path: Path, log_bytes: bytes) -> None:
    place(tmp_path, "early/run-long.wandb", log_bytes[:200_000])
    damaged = bytearray(log_bytes)
    damaged[100_000] ^= 1
    place(tmp_path, "damaged/run-long.wandb", bytes(damaged))
    place(tmp_path, "sound/run-long.wandb", log_bytes)
    (run,) = group_logs(discover_logs([tmp_path]).files).runs
    (part,) = run.parts
    assert [file.path.parent.name for file in part.candidates] == ["damaged", "sound", "early"]
    log = read_part(part)
    assert (log.verdict, log.n_rows, log.path.parent.name) == ("complete", LONG_ROWS, "sound")
    early = read_run_log(tmp_path / "early/run-long.wandb")
    assert read_part(part, after=early.cursor).n_new_rows == LONG_ROWS - early.n_rows
    (tmp_path / "sound/run-long.wandb").unlink()
    (run,) = group_logs(discover_logs([tmp_path]).files).runs
    log = read_part(run.parts[0])
    assert (log.verdict, log.path.parent.name) == ("partial", "damaged")


def test_parts_are_ordered_by_start_not_by_folder(tmp_path: Path) -> None:
    for name, seconds in (("a", 300), ("b", 100), ("c", 200)):
        records = [run_record(start_time={"seconds": seconds}), history_record(0, x=str(seconds)), exit_record()]
        place(tmp_path, f"{name}/run-r.wandb", write_log(numbered(records)))
    (run,) = group_logs(discover_logs([tmp_path]).files).runs
    assert [part.candidates[0].path.parent.name for part in run.parts] == ["b", "c", "a"]


def test_what_names_no_run_is_left_over(tmp_path: Path) -> None:
    place(tmp_path, "run-empty.wandb", b"")
    place(tmp_path, "run-noise.wandb", b"noise")
    place(tmp_path, "run-start.wandb", HEADER)
    grouping = group_logs(discover_logs([tmp_path]).files)
    assert grouping.runs == ()
    verdicts = {file.path.name: read_run_log(file.path).verdict for file in grouping.unplaced}
    assert verdicts == {
        "run-empty.wandb": "quarantined",
        "run-noise.wandb": "quarantined",
        "run-start.wandb": "unverified",
    }
