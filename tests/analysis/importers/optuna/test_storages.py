from __future__ import annotations

import math
import shutil
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from analysis.errors import ConfigError
from analysis.importers.optuna import SOURCE
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from tests.analysis.importers.optuna import write_logs
from tests.analysis.importers.reading import curve, fingerprint, points, read_all

_STATES = ["finished", "finished", "finished", "failed", "pruned", "finished", "finished", "running"]


def _lr_runs(runs: list[SourceRun]) -> list[SourceRun]:
    return [run for run in runs if run.sweep == "lr für lora"]


def test_a_database_gives_every_intermediate_value_that_sqlite_counts(written: Path) -> None:
    runs, refusals = read_all(SOURCE, written / "sweep.db")

    with closing(sqlite3.connect(written / "sweep.db")) as connection:
        n_trials = connection.execute("SELECT count(*) FROM trials WHERE state != 'WAITING'").fetchone()[0]
        n_values = connection.execute("SELECT count(*) FROM trial_intermediate_values WHERE step >= 0").fetchone()[0]
    assert not refusals
    assert len(runs) == n_trials == 10
    assert sum(len(curve(run, "intermediate_value")) for run in runs) == n_values > 20


def test_a_journal_says_the_same_as_the_database(written: Path) -> None:
    of_database = _lr_runs(read_all(SOURCE, written / "sweep.db")[0])
    of_journal = _lr_runs(read_all(SOURCE, written / "journal.log")[0])

    assert [run.status for run in of_database] == [run.status for run in of_journal] == _STATES
    for one, other in zip(of_database, of_journal, strict=True):
        assert repr(sorted(points(one).items())) == repr(sorted(points(other).items()))
        assert one.config.keys() == other.config.keys()
        assert one.key[:3] == other.key[:3]


def test_params_values_and_directions(written: Path) -> None:
    runs, _ = read_all(SOURCE, written / "sweep.db")
    first, pareto = _lr_runs(runs)[0], runs[-1]

    lr = first.config["lr"]
    assert isinstance(lr, float)
    assert first.config == {"lr": lr, "schedule": "cosine", "study_user_attrs": {"model": "tiny"}}
    assert curve(first, "intermediate_value") == {step: 3.0 - lr * step for step in range(5)}
    assert curve(first, "value") == {4: 3.0 - lr * 4}
    assert first.directions == {"value": "min", "intermediate_value": "min"}
    assert first.environment["distributions"]["lr"]["attributes"]["log"] is True  # type: ignore[index]
    assert pareto.directions == {"eval_loss": "min", "tokens_per_s": "max"}
    assert curve(pareto, "eval_loss") == {0: pareto.config["x"]}
    assert curve(pareto, "tokens_per_s") == {0: pareto.config["r"]}


def test_nan_and_infinities_stay_and_a_step_below_zero_is_said_to_be_missing(written: Path) -> None:
    run = _lr_runs(read_all(SOURCE, written / "sweep.db")[0])[6]

    values = curve(run, "intermediate_value")
    assert math.isnan(values[0])
    assert values[7] == -math.inf
    assert curve(run, "value") == {7: math.inf}
    assert curve(run, "test_acc") == {7: 0.25}
    assert (run.verdict, run.rows_expected, run.rows_got) == ("partial", 3, 2)
    assert [(problem.column, problem.value) for problem in run.problems] == [("intermediate_value", "-1")]
    assert run.config["user_attrs"]["big"] == 2**62  # type: ignore[index]


def test_a_running_trial_is_unverified_and_a_waiting_one_is_named(written: Path) -> None:
    run = _lr_runs(read_all(SOURCE, written / "journal.log")[0])[7]

    assert (run.status, run.verdict) == ("running", "unverified")
    assert "1 trials wait" in run.notes[-1]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reading_changes_nothing_in_the_folder(written: Path, tmp_path: Path, mode: str) -> None:
    shutil.copytree(written, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy" / "sweep.db")) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("UPDATE trial_values SET value = 42 WHERE trial_value_id = 1")
        writer.commit()
        before = fingerprint(tmp_path / "copy")
        runs, _ = read_all(SOURCE, tmp_path / "copy")
        after = fingerprint(tmp_path / "copy")
    assert ("sweep.db-wal" in before) == (mode == "wal")
    assert after == before
    assert next(run.summary["values"] for run in runs if "sweep.db" in run.label) == {"value": 42.0}


def test_a_copy_is_known_by_its_marks(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written, tmp_path / "copy")

    copies, _ = read_all(SOURCE, tmp_path / "copy")
    originals, _ = read_all(SOURCE, written)
    assert [run.marks for run in copies] == [run.marks for run in originals]
    assert len({mark for run in originals for mark in run.marks}) == len(originals) == 20
    assert not {run.key for run in copies} & {run.key for run in originals}


def test_a_journal_cut_anywhere_gives_what_is_before(written: Path, tmp_path: Path) -> None:
    whole = {run.marks: points(run) for run in read_all(SOURCE, written / "journal.log")[0]}
    content = (written / "journal.log").read_bytes()
    for end in range(0, len(content), 397):
        (tmp_path / "cut.log").write_bytes(content[:end])
        runs, refusals = read_all(SOURCE, tmp_path)
        for run in runs:
            assert {place: repr(value) for place, value in points(run).items()}.items() <= {
                place: repr(value) for place, value in whole[run.marks].items()
            }.items()
        if content[end - 1 : end] != b"\n" and runs:
            assert any("breaks off" in refusal.reason for refusal in refusals)


def test_a_damaged_line_ends_the_journal_with_a_count(written: Path, tmp_path: Path) -> None:
    lines = (written / "journal.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "bad.log").write_bytes(b"".join([*lines[:30], b'{"op_code": \n', *lines[31:]]))

    runs, refusals = read_all(SOURCE, tmp_path)

    assert runs
    assert len(runs) < 10
    assert f"line 31 is damaged: it and the {len(lines) - 31} lines behind it" in refusals[0].reason


@pytest.mark.parametrize(
    "line", ['{"op_code": 5, "worker_id": "x", "trial_id": 99}', '{"op_code": 77, "worker_id": "x"}']
)
def test_a_journal_that_optuna_cannot_replay_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "odd.log").write_text('{"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1]}\n' + line)

    runs, refusals = read_all(SOURCE, tmp_path)

    assert not runs
    assert len(refusals) == 1


def test_the_schema_of_another_version_is_refused_and_not_migrated(written: Path, tmp_path: Path) -> None:
    shutil.copy(written / "sweep.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "sweep.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
        connection.commit()
    before = fingerprint(tmp_path)

    runs, refusals = read_all(SOURCE, tmp_path)

    assert not runs
    assert "optuna storage upgrade" in refusals[0].reason
    assert fingerprint(tmp_path) == before


def test_a_damaged_database_is_refused(written: Path, tmp_path: Path) -> None:
    content = bytearray((written / "sweep.db").read_bytes())
    content[8192:-4096] = bytes(len(content) - 12288)
    (tmp_path / "bad.db").write_bytes(content)

    runs, refusals = read_all(SOURCE, tmp_path)

    assert not runs
    assert all("cannot read" in refusal.reason or "lacks" in refusal.reason for refusal in refusals)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE studies (a)")
    (tmp_path / "train.log").write_text("step 1 loss 2\n")
    (tmp_path / "numbers.jsonl").write_text('{"loss": 1}\n')
    (tmp_path / "empty.log").write_text("")
    (tmp_path / "deep.log").write_text("[" * 100_000)

    assert read_all(SOURCE, tmp_path) == ([], [])


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        read_all(SOURCE, tmp_path / "none.db")
    with pytest.raises(ConfigError, match="there is no file or folder"):
        read_all(SOURCE, f"sqlite:///{tmp_path}/none.db")
    assert not list(tmp_path.iterdir())


def test_an_address_of_a_file_is_that_file(written: Path) -> None:
    runs, _ = read_all(SOURCE, f"sqlite:///{written}/sweep.db", written / "sweep.db")

    assert len(runs) == 10


@pytest.mark.parametrize(
    "address", ["postgresql://me:hidden@127.0.0.1:1/x?password=hidden", "nonsense://me:hidden@h/x"]
)
def test_a_server_out_of_reach_is_refused_without_the_password(address: str) -> None:
    runs, refusals = read_all(SOURCE, address)

    assert not runs
    assert "hidden" not in refusals[0].label + refusals[0].reason


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as raised:
        read_all(SOURCE, "postgresql://me:hidden@host:port/x")
    assert "hidden" not in str(raised.value)


def test_a_storage_that_grows_only_gains_and_changes_its_digest(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'grow.db'}")
    study = optuna.create_study(storage=storage, study_name="s")
    trial = study.ask()
    trial.report(2.0, 0)
    request = Request(targets=(str(tmp_path),), now=0.0)
    digests, snapshots = [], []
    for step in range(1, 3):
        digests.append(next(found.digest for found in SOURCE.find(request) if isinstance(found, Item)))
        snapshots.append(points(read_all(SOURCE, tmp_path)[0][0]))
        trial.report(2.0 - step, step)
    study.tell(trial, 0.5)
    write_logs.close(storage)

    (run,), _ = read_all(SOURCE, tmp_path)
    assert len(set(digests)) == 2
    assert all(snapshot.items() <= points(run).items() for snapshot in snapshots)
    assert run.verdict == "complete"


def test_a_trial_whose_heartbeats_stopped_is_lost(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = RDBStorage(f"sqlite:///{tmp_path / 'beat.db'}", heartbeat_interval=1)
        study = optuna.create_study(storage=storage, study_name="s")
        alive, gone = study.ask(), study.ask()
    storage.record_heartbeat(alive._trial_id)
    storage.record_heartbeat(gone._trial_id)
    write_logs.close(storage)
    with closing(sqlite3.connect(tmp_path / "beat.db")) as connection:
        connection.execute(
            "UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00' WHERE trial_id = ?", (gone._trial_id,)
        )
        connection.commit()

    runs, _ = read_all(SOURCE, tmp_path)

    assert [run.status for run in runs] == ["running", "lost"]
