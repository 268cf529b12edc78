import gzip
import json
import math
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.errors import ConfigError
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trackio import SOURCE

LOGS = Path(__file__).parent / "logs"
LATER = 4e9
_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "trackio" / "sft.db"
    path.parent.mkdir()
    path.write_bytes(gzip.decompress((LOGS / "sft.db.gz").read_bytes()))
    return path


def found(*targets: Path) -> list[Item | Refusal]:
    return list(SOURCE.find(Request(targets=tuple(map(str, targets)), now=LATER)))


def taken(path: Path, now: float = LATER) -> list[SourceRun | Refusal]:
    return [
        run
        for item in found(path)
        if isinstance(item, Item)
        for run in SOURCE.read(item, Request(targets=(str(path),), now=now), lambda _: None)
    ]


def runs(path: Path, now: float = LATER) -> dict[str | None, SourceRun]:
    return {run.name: run for run in taken(path, now) if isinstance(run, SourceRun)}


def change(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())


def stored(path: Path) -> list[tuple[str, int, str, object]]:
    """Run, step, metric and value of everything in a database, by its own means."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
    return [(name, step, key, value) for name, step, text in rows for key, value in json.loads(text).items()]


def test_every_number_of_the_database_arrives(database: Path) -> None:
    numbers = {
        place[:-1]: _TEXTS.get(place[-1], math.nan) if isinstance(place[-1], str) else place[-1]
        for place in stored(database)
        if place[-1] in list(_TEXTS) or type(place[-1]) in (int, float)
    }
    expected = {place: repr(float(number)) for place, number in numbers.items() if isinstance(number, int | float)}
    arrived = {
        (str(name), row["step"], row["name"]): repr(row["value"])
        for name, run in runs(database).items()
        for row in run.history.to_pylist()
    }
    assert arrived == expected
    assert len(arrived) == 3 * (12 * 2 + 3) + 5


def test_everything_else_arrives_as_objects(database: Path) -> None:
    rich = runs(database)["rich"]
    objects = {(row["step"], row["name"]): json.loads(row["json"]) for row in rich.objects.to_pylist()}
    assert objects == {
        (0, "none"): None,
        (0, "flag"): True,
        (0, "text"): "hello",
        (1, "large"): 2**62 + 1,
        (1, "nested"): {"a": {"b": 1.5}},
        (1, "list"): [1, 2],
        (2, "table"): {"_type": "trackio.table", "_value": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]},
        (10, "histogram"): {"_type": "trackio.histogram", "bins": [1.0, 1.75, 2.5], "values": [1, 2]},
    }
    assert rich.notes == ("2 rows of system metrics were not read",)


def test_rows_are_counted_by_step(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        counts = dict(connection.execute("SELECT run_name, count(DISTINCT step) FROM metrics GROUP BY 1").fetchall())
    assert {name: (run.rows_expected, run.rows_got) for name, run in runs(database).items()} == {
        name: (count, count) for name, count in counts.items()
    }


def test_the_config_comes_without_the_clients_own_entries(database: Path) -> None:
    run = runs(database)["lr-1e-5"]
    assert run.config == {
        "learning_rate": 1e-4,
        "seed": 0,
        "model_name_or_path": "meta-llama/Llama-3.2-1B",
        "lora": {"r": 16},
    }
    assert run.group == "lr"
    assert run.environment == {"tool": "trackio", "project": "sft"}
    assert run.created_at is not None
    assert run.created_at.tzinfo is not None


def test_wall_time_counts_from_the_start(database: Path) -> None:
    times = runs(database)["lr-1e-3"].history["wall_time"].to_pylist()
    assert all(0 <= time < 60 for time in times)


def test_trackio_does_not_say_how_a_run_ended(database: Path) -> None:
    run = runs(database)["lr-1e-3"]
    assert (run.status, run.verdict) == ("unconfirmed", "unverified")
    assert run.created_at is not None
    assert runs(database, now=run.created_at.timestamp() + 60)["lr-1e-3"].status == "running"


def test_a_run_that_logged_all_its_steps_is_finished(database: Path) -> None:
    change(database, """UPDATE configs SET config = '{"max_steps": 12}' WHERE run_name = 'lr-1e-3'""")
    run = runs(database)["lr-1e-3"]
    assert (run.status, run.status_reason, run.verdict) == (
        "finished",
        "all steps of max_steps were logged",
        "complete",
    )
    assert run.reason is None


def test_an_export_says_what_the_database_says(database: Path, tmp_path: Path) -> None:
    export = Path(shutil.copytree(LOGS / "export", tmp_path / "export"))
    from_database, from_export = runs(database), runs(export)

    assert from_export.keys() == from_database.keys()
    for name, run in from_export.items():
        other = from_database[name]
        assert (run.key, run.marks, run.config.keys()) == (other.key, other.marks, other.config.keys())
        assert list(map(repr, sorted_rows(run))) == list(map(repr, sorted_rows(other)))
        assert run.rows_got == other.rows_got
    assert pq.read_metadata(export / "metrics.parquet").num_rows == 3 * 15 + 4
    assert len(found(export)) == 1


def sorted_rows(run: SourceRun) -> list[Mapping[str, object]]:
    return sorted(run.history.to_pylist(), key=lambda row: (row["step"], row["name"]))


def test_an_export_beside_its_database_is_not_read_twice(database: Path) -> None:
    shutil.copy(LOGS / "export" / "metrics.parquet", database.with_suffix(".parquet"))
    shutil.copy(LOGS / "export" / "aux" / "configs.parquet", database.with_name("sft_configs.parquet"))
    assert [item.label for item in found(database.parent)] == [str(database)]

    database.unlink()
    assert [item.label for item in found(database.parent)] == [str(database.with_suffix(".parquet"))]
    assert runs(database.parent)["lr-1e-5"].config["learning_rate"] == 1e-4


def test_a_copy_is_the_same_runs_and_seeds_are_others(database: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(database, tmp_path / "copy.db"))
    keys = [run.key for run in runs(database).values()]
    assert [run.key for run in runs(copy).values()] == keys
    assert len(set(keys)) == 4


OLD = (
    "CREATE TABLE m2 (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)",
    "INSERT INTO m2 SELECT id, timestamp, run_name, step, CAST(metrics AS TEXT) FROM metrics",
    "CREATE TABLE c2 (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT, created_at TEXT)",
    "INSERT INTO c2 SELECT id, run_name, CAST(config AS TEXT), created_at FROM configs",
    *(f"DROP TABLE {name}" for name in ("metrics", "configs", "system_metrics")),
    "ALTER TABLE m2 RENAME TO metrics",
    "ALTER TABLE c2 RENAME TO configs",
)
"""What Trackio's tables were before 0.24: without ids."""


def test_a_database_of_an_old_trackio_gives_the_same_runs(database: Path) -> None:
    before = runs(database)
    change(database, *OLD)
    after = runs(database)

    assert [list(map(repr, sorted_rows(run))) for run in after.values()] == [
        list(map(repr, sorted_rows(run))) for run in before.values()
    ]
    assert {name: run.marks for name, run in after.items()} == {name: run.marks for name, run in before.items()}
    assert all(run.marks for run in after.values())


def test_a_run_that_was_started_again_under_its_name_is_two_attempts(database: Path) -> None:
    change(database, *OLD, "UPDATE metrics SET run_name = 'lr-1e-5' WHERE run_name = 'lr-1e-3'")
    run = runs(database)["lr-1e-5"]
    assert set(run.history["attempt"].to_pylist()) == {1, 2}
    assert run.rows_got == 24


def test_a_database_that_is_being_written_to_is_read_with_its_log(database: Path) -> None:
    with closing(sqlite3.connect(database)) as writer:
        writer.execute(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)"
            " SELECT run_id, timestamp, run_name, 99, '{\"loss\": 7}' FROM metrics WHERE run_name = 'rich' LIMIT 1"
        )
        writer.commit()
        assert database.with_name("sft.db-wal").stat().st_size > 0
        before = {path.name: path.read_bytes() for path in database.parent.iterdir()}
        run = runs(database)["rich"]
        assert {path.name: path.read_bytes() for path in database.parent.iterdir()} == before
    assert 99 in run.history["step"].to_pylist()


def test_reading_leaves_nothing_behind(database: Path) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in database.parent.iterdir()}
    runs(database)
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in database.parent.iterdir()} == before


@pytest.mark.parametrize("text", ["{", "[1]", "", "null", "\x01"])
def test_a_row_that_is_no_object_is_a_problem(database: Path, text: str) -> None:
    change(database, "UPDATE metrics SET metrics = ? WHERE run_name = 'rich' AND step = 1", values=(text,))
    rich = runs(database)["rich"]
    assert (rich.rows_expected, rich.rows_got, rich.verdict) == (4, 3, "partial")
    assert len(rich.problems) == 1
    assert rich.reason == "1 rows could not be read"


@pytest.mark.parametrize("step", [-1, "x", 1.5, None])
def test_a_step_that_is_none_is_a_problem(database: Path, step: object) -> None:
    change(database, *OLD, "UPDATE metrics SET step = ? WHERE run_name = 'rich' AND step = 1", values=(step,))
    rich = runs(database)["rich"]
    assert (rich.rows_expected, rich.rows_got) == (4, 3)


def test_a_run_that_has_logged_nothing_says_so(database: Path) -> None:
    change(database, "DELETE FROM metrics WHERE run_name = 'rich'", "DELETE FROM metrics WHERE run_name = 'lr-1e-3'")
    reasons = [run.reason for run in taken(database) if isinstance(run, Refusal)]
    assert reasons == [
        "nothing is logged yet; import it again later",
        "only 2 rows of system metrics are logged yet; import it again later",
    ]


def test_a_config_that_is_none_leaves_the_rows(database: Path) -> None:
    change(database, "UPDATE configs SET config = '[' WHERE run_name = 'rich'")
    rich = runs(database)["rich"]
    assert (rich.rows_got, rich.verdict, rich.reason) == (4, "partial", "its config is no JSON object")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40_000])


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:65536] = b"\xa5" * (65536 - 8192)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, overwrite])
def test_a_damaged_database_never_passes_for_complete(database: Path, damage: Callable[[Path], None]) -> None:
    damage(database)
    assert all(isinstance(run, Refusal) or run.verdict != "complete" for run in taken(database))


def test_a_foreign_or_broken_file_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "noise.db").write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 8)
    (tmp_path / "noise.parquet").write_bytes(b"PAR1 not really PAR1")
    change(tmp_path / "other.db", "CREATE TABLE metrics (key TEXT)", "CREATE TABLE configs (x TEXT)")
    assert found(tmp_path) == []


def test_an_empty_project_says_so(database: Path) -> None:
    change(database, "DELETE FROM metrics", "DELETE FROM configs", "DELETE FROM system_metrics")
    (refusal,) = taken(database)
    assert isinstance(refusal, Refusal)


def test_the_digest_changes_when_a_row_comes(database: Path) -> None:
    (before,) = found(database)
    change(database, "DELETE FROM alerts", "INSERT INTO project_metadata VALUES ('a', 'b')")
    (after,) = found(database)
    assert isinstance(before, Item)
    assert isinstance(after, Item)
    assert before.digest != after.digest


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        found(tmp_path / "nowhere")


def test_a_moment_without_a_zone_is_utc() -> None:
    from analysis.importers.trackio.decode import moment

    assert moment("2026-01-02T03:04:05") == datetime.fromisoformat("2026-01-02T03:04:05+00:00")
    assert moment("soon") is None
    assert moment(3) is None
