"""A real log, cut and damaged in many ways: rows against a count on the undamaged copy, and a verdict that says so."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.importers.wandb_log import LogCursor, RunLog, read_run_log
from tests.analysis.importers.wandb_log.frames import BLOCK, HEADER, PlainRecord, read_sound_log
from tests.analysis.importers.wandb_log.write_logs import LONG_ROWS, long_row

pytestmark = pytest.mark.timeout(400)


LOGGED = pd.DataFrame([long_row(i) for i in range(LONG_ROWS)], dtype=float)


@pytest.fixture(scope="session")
def records(log_bytes: bytes) -> list[PlainRecord]:
    return read_sound_log(log_bytes)


def read(folder: Path, content: bytes, *, now: float | None = None) -> RunLog:
    """The log of this content, which reading must not change; `now`: seconds after its last write."""
    path = folder / "run-damaged.wandb"
    path.write_bytes(content)
    path.chmod(0o444)
    before = path.stat()
    log = read_run_log(path, now=before.st_mtime + (601 if now is None else now))
    assert path.read_bytes() == content
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    path.unlink()
    return log


def steps_of(log: RunLog) -> list[int]:
    return sorted(set(log.history["step"].to_pylist()))


def check_values(log: RunLog) -> None:
    """Every value that was read is the one that was logged."""
    cells = log.history.select(["step", "key", "number"]).to_pandas()
    # A sum, so that a value that came twice shows.
    by_key = cells.pivot_table(index="step", columns="key", values="number", aggfunc="sum", observed=True)
    assert by_key.equals(LOGGED.loc[by_key.index, by_key.columns])


def untouched(records: list[PlainRecord], start: int, stop: int) -> list[PlainRecord]:
    """The records that share no byte with [start, stop)."""
    return [record for record in records if record.stop <= start or record.start >= stop]


def history_steps(records: list[PlainRecord]) -> list[int]:
    return [record.record.history.step.num for record in records if record.kind == "history"]


def _cuts(size: int) -> list[int]:
    edges = [BLOCK, BLOCK - 1, BLOCK - 6, BLOCK + 6, BLOCK + 7, 2 * BLOCK]
    return [8, 60, 400, 1_000, *edges, *range(10_007, size, size // 9), size - 1, size - 20, size - 300]


def test_a_log_cut_anywhere_gives_the_rows_before_the_cut(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    for cut in _cuts(len(log_bytes)):
        log = read(tmp_path, log_bytes[:cut])
        before = [record for record in records if record.stop <= cut]
        assert steps_of(log) == history_steps(before)
        assert log.n_rows == len(history_steps(before))
        check_values(log)
        if not any(record.kind == "run" for record in before):
            assert log.verdict == "quarantined"
            continue
        at_an_edge = any(record.stop == cut for record in records)
        assert log.verdict == ("unverified" if at_an_edge else "partial"), cut
        assert log.state == "lost"
        assert log.reason
        assert log.damage is not None
        assert log.damage.lost_records == 0
        assert log.damage.gaps == ()
        assert read(tmp_path, log_bytes[:cut], now=5).verdict == "unverified"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(min_value=0, max_value=10**9), change=st.integers(1, 255))
def test_a_changed_byte_costs_one_record_and_is_said(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord], where: int, change: int
) -> None:
    first = next(record for record in records if record.kind == "history").start
    where = first + where % (records[-1].start - first)
    damaged = bytearray(log_bytes)
    damaged[where] ^= change
    log = read(tmp_path, bytes(damaged))
    kept = untouched(records, where, where + 1)
    n_lost = len(records) - len(kept)
    assert n_lost <= 1
    assert log.damage is not None
    assert log.damage.lost_records == n_lost
    assert steps_of(log) == history_steps(kept)
    assert log.verdict == ("partial" if n_lost else "complete")
    check_values(log)


@pytest.mark.parametrize("noise", ["zeros", "noise", "ones"])
@pytest.mark.parametrize("block", [1, 5, 9])
def test_a_lost_block_costs_its_records_counted_exactly(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord], block: int, noise: str
) -> None:
    start, stop = block * BLOCK, (block + 1) * BLOCK
    bad = {"zeros": bytes(BLOCK), "noise": bytes(i * i * 7 % 251 for i in range(BLOCK)), "ones": b"\x01" * BLOCK}[noise]
    log = read(tmp_path, log_bytes[:start] + bad + log_bytes[stop:])
    kept = untouched(records, start, stop)
    assert log.damage is not None
    assert log.damage.lost_records == len(records) - len(kept) > 50
    assert steps_of(log) == history_steps(kept)
    assert log.n_rows == len(history_steps(kept))
    assert log.verdict == "partial"
    assert log.reason is not None
    assert f"{log.damage.lost_records} records are missing" in log.reason
    (gap,) = log.damage.gaps
    assert gap.start <= start
    assert gap.stop >= stop
    check_values(log)


@pytest.mark.parametrize("extra", [bytes(5), bytes(3 * BLOCK), b"garbage" * 9_999])
def test_what_is_appended_after_the_exit_record_takes_nothing_away(
    tmp_path: Path, log_bytes: bytes, extra: bytes
) -> None:
    log = read(tmp_path, log_bytes + extra)
    assert (log.verdict, log.n_rows) == ("complete", LONG_ROWS)
    assert log.damage is not None
    assert log.damage.tail.n_bytes == len(extra)
    assert log.damage.tail.kind in ("zeros", "garbage")


def test_garbage_in_place_of_the_end_is_partial(tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]) -> None:
    cut = records[2_000].start
    log = read(tmp_path, log_bytes[:cut] + b"\xff" * 5_000)
    assert log.verdict == "partial"
    assert log.reason is not None
    assert "5,000 bytes" in log.reason
    assert steps_of(log) == history_steps(records[:2_000])


@pytest.mark.parametrize(
    ("content", "verdict", "words"),
    [
        (b"", "quarantined", "empty"),
        (b":W&B\xe1", "quarantined", "header"),
        (b"12345", "quarantined", "no W&B log"),
        (b"PK\x03\x04" + bytes(100), "quarantined", "no W&B log"),
        (HEADER[:-1] + b"\x09" + bytes(100), "quarantined", "version"),
        (HEADER, "unverified", "nothing is in the log yet"),
        (HEADER + b"noise" * 100, "quarantined", "run record is lost"),
    ],
)
def test_what_is_no_log_has_a_reason_of_its_own(tmp_path: Path, content: bytes, verdict: str, words: str) -> None:
    log = read(tmp_path, content)
    assert log.verdict == verdict
    assert log.reason is not None
    assert words in log.reason
    assert (log.n_rows, log.history.num_rows, log.state, log.facts, log.cursor) == (0, 0, None, None, None)


def test_a_log_without_its_run_record_is_set_aside_with_its_rows_counted(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    run = next(record for record in records if record.kind == "run")
    damaged = bytearray(log_bytes)
    damaged[run.stop - 1] ^= 1
    log = read(tmp_path, bytes(damaged))
    assert log.verdict == "quarantined"
    assert log.reason is not None
    assert f"{LONG_ROWS:,} rows" in log.reason


def test_a_file_that_cannot_be_opened_is_set_aside(tmp_path: Path) -> None:
    log = read_run_log(tmp_path)
    assert log.verdict == "quarantined"
    assert log.reason == "the file cannot be read: Is a directory"


def test_a_growing_log_is_read_piece_by_piece_into_the_same_rows(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    path = tmp_path / "run-growing.wandb"
    path.touch()
    cursor: LogCursor | None = None
    steps: list[int] = []
    log = read_run_log(path)
    cuts = [7, 900, 5_000, BLOCK, BLOCK, BLOCK + 3, 99_999, 6 * BLOCK - 2, 300_001, len(log_bytes) - 5, len(log_bytes)]
    for start, stop in itertools.pairwise([0, *cuts]):
        with path.open("ab") as file:
            file.write(log_bytes[start:stop])
        log = read_run_log(path, after=cursor)
        new = steps_of(log)
        assert log.n_new_rows == len(new)
        steps += new
        assert log.n_rows == len(steps) == len(history_steps([record for record in records if record.stop <= stop]))
        check_values(log)
        cursor = log.cursor and LogCursor(**log.cursor.to_json())
    assert steps == list(range(LONG_ROWS))
    assert log.verdict == "complete"
    whole = read_run_log(path)
    assert (log.config, log.summary, log.facts) == (whole.config, whole.summary, whole.facts)
    assert read_run_log(path, after=cursor).n_new_rows == 0


def test_a_cursor_of_another_log_is_not_used(tmp_path: Path, log_bytes: bytes, rich: RunLog) -> None:
    path = tmp_path / "run-long.wandb"
    path.write_bytes(log_bytes)
    assert read_run_log(path, after=rich.cursor).n_new_rows == LONG_ROWS
    own = read_run_log(path).cursor
    path.write_bytes(log_bytes[:250_000])
    log = read_run_log(path, after=own)
    assert log.n_new_rows == log.n_rows > 0


def test_a_copy_elsewhere_goes_on_at_the_same_place(tmp_path: Path, log_bytes: bytes) -> None:
    path = tmp_path / "run-long.wandb"
    path.write_bytes(log_bytes[:250_000])
    first = read_run_log(path)
    path.rename(path.with_suffix(".old"))
    path.write_bytes(log_bytes)
    assert read_run_log(path, after=first.cursor).n_new_rows == LONG_ROWS - first.n_rows
