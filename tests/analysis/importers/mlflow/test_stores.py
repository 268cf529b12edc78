from __future__ import annotations

import gzip
import json
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.mlflow import SOURCE
from analysis.importers.mlflow.to_run import param_value
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from tests.analysis.importers.mlflow.stub_server import recorded, serve
from tests.analysis.importers.reading import NOW, curve, fingerprint, points, read_all

_LOGS = Path(__file__).parent / "logs"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    path.write_bytes(gzip.decompress((_LOGS / "mlflow.db.gz").read_bytes()))
    return path


def _by_name(runs: list[SourceRun]) -> dict[str, SourceRun]:
    found = {str(run.name): run for run in runs}
    assert len(found) == len(runs)
    return found


def _check_trial(run: SourceRun) -> None:
    """What `make_logs` logged."""
    assert run.config == {
        "lr": 1e-4, "text_lr": "1e-4", "rank": 8, "packing": "True", "nothing": "None", "opt/name": "adamw"
    }  # fmt: skip
    assert curve(run, "train/loss") == {step: 3.0 / (step + 1) for step in range(50)}
    losses = curve(run, "eval_loss")
    assert math.isnan(losses.pop(10))
    assert losses == {0: 2.0, 20: math.inf, 30: -math.inf, 40: 1.5}
    assert curve(run, "without step") == {0: 0.0, 1: 0.25, 2: 0.5}
    assert curve(run, "again") == {7: 2.0}
    assert curve(run, "with data") == {5: 0.5}
    assert curve(run, "early") == {}
    assert [(problem.column, problem.value) for problem in run.problems] == [("early", "-1")]
    assert (run.status, run.verdict, run.rows_expected, run.rows_got) == ("finished", "partial", 51, 50)
    assert run.tags == ("team=größer ☃",)
    assert run.columns == {"dataset": "alpaca@6f00", "eval_set_id": "8f00"}
    assert run.environment["commit"] == "abc123"
    assert (run.group, run.notes_text) == ("lr für lora", "a note")
    assert run.sweep is not None
    assert run.sweep.startswith("sweep ")
    assert any("2 values were logged again" in note for note in run.notes)


_STATES = {
    "sweep": ("finished", "complete"),
    "trial 0": ("finished", "partial"),
    "trial 1": ("finished", "partial"),
    "failed": ("failed", "complete"),
    "killed": ("stopped", "complete"),
    "running": ("running", "unverified"),
}


def test_a_database_gives_what_was_logged(database: Path) -> None:
    runs, refusals = read_all(SOURCE, database)

    assert not refusals
    assert {name: (run.status, run.verdict) for name, run in _by_name(runs).items()} == _STATES
    _check_trial(_by_name(runs)["trial 0"])
    assert sum("1 runs that the user deleted" in note for run in runs for note in run.notes) == 1


def test_a_database_gives_every_value_that_sqlite_counts(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        n_places = connection.execute(
            "SELECT count(*) FROM (SELECT DISTINCT run_uuid, key, CASE key WHEN 'without step' THEN timestamp "
            "ELSE step END FROM metrics JOIN runs USING (run_uuid) WHERE step >= 0 AND lifecycle_stage = 'active')"
        ).fetchone()[0]

    assert sum(run.history.num_rows for run in read_all(SOURCE, database)[0]) == n_places > 100


def test_a_folder_gives_what_was_logged() -> None:
    runs, refusals = read_all(SOURCE, _LOGS / "mlruns")

    assert not refusals
    assert {name: (run.status, run.verdict) for name, run in _by_name(runs).items()} == _STATES
    _check_trial(_by_name(runs)["trial 0"])
    assert sum("1 runs that the user deleted" in note for run in runs for note in run.notes) == 1


def test_a_server_says_the_same_as_its_database(database: Path) -> None:
    with serve(recorded(json.loads((_LOGS / "answers.json").read_text()))) as stub:
        of_server, refusals = read_all(SOURCE, stub.address)
    of_database, _ = read_all(SOURCE, database)

    assert not refusals
    _check_trial(_by_name(of_server)["trial 0"])
    for name, run in _by_name(of_database).items():
        twin = _by_name(of_server)[name]
        assert (run.marks, run.config, run.tags, run.sweep, run.columns) == (
            twin.marks, twin.config, twin.tags, twin.sweep, twin.columns
        )  # fmt: skip
        assert run.history.equals(twin.history) or repr(sorted(points(run).items())) == repr(
            sorted(points(twin).items())
        )
        assert repr(run.summary) == repr(twin.summary) or run.summary.keys() == twin.summary.keys()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reading_changes_nothing(database: Path, mode: str) -> None:
    shutil.copytree(_LOGS / "mlruns", database.parent / "mlruns")
    with closing(sqlite3.connect(database)) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("UPDATE params SET value = '0.5' WHERE key = 'lr'")
        writer.commit()
        before = fingerprint(database.parent)
        runs, refusals = read_all(SOURCE, database.parent)
        after = fingerprint(database.parent)

    assert not refusals
    assert after == before
    assert {run.config["lr"] for run in runs if run.config and "mlflow.db" in run.label} == {0.5}


def test_a_copied_folder_is_known_by_its_marks(tmp_path: Path) -> None:
    shutil.copytree(_LOGS / "mlruns", tmp_path / "copy")

    copies, _ = read_all(SOURCE, tmp_path / "copy")
    originals, _ = read_all(SOURCE, _LOGS / "mlruns")
    assert sorted(run.marks for run in copies) == sorted(run.marks for run in originals)
    assert not {run.key for run in copies} & {run.key for run in originals}


def test_damaged_lines_of_a_metric_are_named(tmp_path: Path) -> None:
    shutil.copytree(_LOGS / "mlruns", tmp_path / "mlruns")
    (path,) = [found for found in tmp_path.rglob("metrics/train/loss") if "3e-05" in _param(found, "lr")]
    lines = path.read_bytes().split(b"\n")
    lines[3] = b"\xff\xfe"
    path.write_bytes(b"\n".join(lines)[:-2])  # the last line lost its newline and a digit of its step

    run = _by_name(read_all(SOURCE, tmp_path)[0])["trial 1"]

    assert curve(run, "train/loss") == {step: 3.0 / (step + 1) for step in range(49) if step != 3}
    assert {problem.line for problem in run.problems} == {4, 50, None}
    assert (run.verdict, run.lost_records) == ("partial", 3)


def _param(metric: Path, name: str) -> str:
    folder = next(above for above in metric.parents if (above / "meta.yaml").exists())
    path = folder / "params" / name
    return path.read_text() if path.exists() else ""


def test_a_metric_cut_anywhere_gives_only_whole_lines(tmp_path: Path) -> None:
    shutil.copytree(_LOGS / "mlruns", tmp_path / "mlruns")
    path = next(tmp_path.rglob("metrics/train/loss"))
    name = next(above.name for above in path.parents if (above / "meta.yaml").exists())
    content = path.read_bytes()
    for end in range(0, len(content), 97):
        path.write_bytes(content[:end])
        run = next(run for run in read_all(SOURCE, tmp_path)[0] if run.key[1] == name)
        assert curve(run, "train/loss") == {step: 3.0 / (step + 1) for step in range(content[:end].count(b"\n"))}
        is_cut = end > 0 and content[end - 1 : end] != b"\n"
        assert any("breaks off" in problem.reason for problem in run.problems) == is_cut


def test_unusable_folders_and_databases_do_not_raise(tmp_path: Path, database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[20_000:600_000] = bytes(580_000)
    database.write_bytes(content)
    (tmp_path / "0" / "run").mkdir(parents=True)
    (tmp_path / "0" / "run" / "meta.yaml").write_text("run_id: x\nexperiment_id: '0'\nstatus: 99\nstart_time: soon\n")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "meta.yaml").write_text("{{{")
    (tmp_path / "text.db").write_text("no database")

    runs, refusals = read_all(SOURCE, tmp_path)

    assert [(run.status, run.verdict) for run in runs if run.key[1] == "x"] == [("unconfirmed", "unverified")]
    assert all("cannot be read" in refusal.reason for refusal in refusals)


def test_a_growing_run_only_gains_and_changes_its_digest(tmp_path: Path) -> None:
    shutil.copytree(_LOGS / "mlruns", tmp_path / "mlruns")
    path = next(tmp_path.rglob("metrics/loss"))
    run_id = path.parents[1].name
    request = Request(targets=(str(tmp_path),), now=NOW)

    def state() -> tuple[dict[tuple[int, int, str], float], dict[str, str]]:
        run = next(run for run in read_all(SOURCE, tmp_path)[0] if run.key[1] == run_id)
        digests = {found.label: found.digest for found in SOURCE.find(request) if isinstance(found, Item)}
        return points(run), digests

    before, digests = state()
    with path.open("a") as file:
        file.write("1700000000500 0.5 1\n")
    after, new_digests = state()

    assert after == before | {(1, 1, "loss"): 0.5}
    assert [label for label in digests if digests[label] != new_digests[label]] == [str(path.parents[1])]


@pytest.mark.parametrize("text", ["0.0001", "8", "-3", "1e-05", "2.5", "123456789012345678901234567890"])
def test_parameters_that_python_wrote_as_numbers_are_numbers(text: str) -> None:
    assert str(param_value(text)) == text
    assert not isinstance(param_value(text), str)


@pytest.mark.parametrize("text", ["1e-4", "007", "True", "nan", "inf", "1_000", " 1", "", "None", "9" * 5000, "٣"])
def test_other_parameters_stay_as_they_are(text: str) -> None:
    assert param_value(text) == text
    assert isinstance(param_value(text), str)


def test_wrong_targets_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        read_all(SOURCE, f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(ConfigError, match="start `mlflow server`") as raised:
        read_all(SOURCE, "postgresql://me:hidden@host/db")
    assert "hidden" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_addresses_of_files_are_these_files(database: Path) -> None:
    assert len(read_all(SOURCE, f"sqlite:///{database}", database)[0]) == 6
    assert len(read_all(SOURCE, f"file://{_LOGS}/mlruns")[0]) == 6
