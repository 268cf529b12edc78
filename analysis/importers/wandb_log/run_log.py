"""Reads one `.wandb` file into a `RunLog`. The file is only ever opened for reading."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Literal

from analysis.importers.wandb_log.ending import damage_of, state_of, verdict_of
from analysis.importers.wandb_log.facts import read_facts
from analysis.importers.wandb_log.framing import HEADER_BYTES, FrameReader, Header, read_header
from analysis.importers.wandb_log.history import HISTORY_SCHEMA
from analysis.importers.wandb_log.records import RecordReader
from analysis.importers.wandb_log.replay import Replay
from analysis.importers.wandb_log.types import LogCursor, RunFacts, RunLog

_HEAD_BYTES: Final = 4096
_BUFFER_BYTES: Final = 1024 * 1024
_REPORT_EVERY: Final = 10_000
"""Records between two signs of life; about 0.1 s. Our choice."""
_UNREADABLE: Final[dict[Header, str]] = {
    "empty": "the file is empty: the run was killed before its first write, or is just starting",
    "cut": "the file ends inside its header: the run was killed before its first write, or is just starting",
    "foreign": "this is no W&B log: it does not begin as one",
    "version": "this log is of a version other than 0, the only one known here",
}
_NOTHING_YET: Final = "nothing is in the log yet: the run was killed before its first write, or is just starting"
_NO_RUN: Final = "its run record is lost, so nothing says which run this is"


def read_run_log(
    path: Path,
    *,
    after: LogCursor | None = None,
    now: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> RunLog:
    """Everything that one log says; what it cannot say is in `verdict`, `reason` and `damage`, never an exception.

    Args:
        path: The file.
        after: Cursor of an earlier reading: `history` then begins behind it, if this is still the same log. All else is
            of the whole log, which is checked again from its start.
        now: Seconds since 1970, to tell a running run from a lost one; None: the clock's.
        progress: Called now and then with the number of rows read so far.
    """
    try:
        with path.open("rb", buffering=_BUFFER_BYTES) as file:
            header = read_header(file)
            if header in _UNREADABLE:
                return _without_run(path, "quarantined", _UNREADABLE[header])
            if header == "only":
                return _without_run(path, "unverified", _NOTHING_YET)
            return _read(path, file, after, time.time() if now is None else now, progress or _nobody)
    except OSError as error:
        return _without_run(path, "quarantined", f"the file cannot be read: {error.strerror}")


def read_facts_of(path: Path) -> RunFacts | None:
    """The facts in the first `run` record of a log, without reading on; None where there is none.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if read_header(file) != "sound":
            return None
        records = RecordReader(FrameReader(file))
        return next((read_facts(record.run) for kind, record in records if kind == "run"), None)


def _nobody(_n_rows: int) -> None:
    """Nobody wants to know."""


def _read(path: Path, file: BinaryIO, after: LogCursor | None, now: float, progress: Callable[[int], None]) -> RunLog:
    status = os.fstat(file.fileno())
    known_end = after.end if after is not None and _continues(file, after) else HEADER_BYTES
    frames = FrameReader(file)
    reader = RecordReader(frames)
    replay = Replay()
    for kind, record in reader:
        replay.take(kind, record, is_new=frames.end > known_end)
        if reader.n_records % _REPORT_EVERY == 0:
            progress(replay.n_old_rows + replay.history.n_rows)
    if replay.facts is None:
        n_rows = replay.n_old_rows + replay.history.n_rows
        reason = f"{_NO_RUN} ({n_rows:,} rows)" if reader.n_records else _NO_RUN
        return _without_run(path, "quarantined", reason)
    return _assemble(path, replay, reader, _cursor(file, status, reader), max(0.0, now - status.st_mtime))


def _assemble(path: Path, replay: Replay, reader: RecordReader, cursor: LogCursor, quiet_s: float) -> RunLog:
    history = replay.history.finish()
    damage = damage_of(
        reader,
        n_without_step=replay.history.n_without_step,
        n_bad_values=replay.history.n_undecodable + replay.n_undecodable,
    )
    state = state_of(replay.exit_code, replay.confirmed, quiet_s)
    verdict, reason = verdict_of(damage, state)
    config, summary = replay.config.to_dict(), replay.summary.to_dict()
    return RunLog(
        path=path,
        verdict=verdict,
        reason=reason,
        history=history,
        state=state,
        exit_code=replay.exit_code,
        facts=replay.facts,
        config=config,
        summary=summary,
        environment=replay.environment,
        metrics=replay.metrics.settings(),
        n_rows=replay.n_old_rows + replay.history.n_rows,
        n_new_rows=replay.history.n_rows,
        n_replaced=replay.history.n_replaced + replay.config.n_replaced + replay.summary.n_replaced,
        not_read=dict(replay.not_read),
        damage=damage,
        cursor=cursor,
    )


def _without_run(path: Path, verdict: Literal["quarantined", "unverified"], reason: str) -> RunLog:
    return RunLog(path=path, verdict=verdict, reason=reason, history=HISTORY_SCHEMA.empty_table())


def _cursor(file: BinaryIO, status: os.stat_result, reader: RecordReader) -> LogCursor:
    end = reader.frames.end
    head_bytes = min(_HEAD_BYTES, end)
    return LogCursor(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        end=end,
        last_num=reader.last_num,
        head_bytes=head_bytes,
        head_crc=_crc_of_head(file, head_bytes),
    )


def _continues(file: BinaryIO, cursor: LogCursor) -> bool:
    """Whether the file is the log that the cursor was made on, possibly grown."""
    size = os.fstat(file.fileno()).st_size
    return size >= cursor.end and _crc_of_head(file, cursor.head_bytes) == cursor.head_crc


def _crc_of_head(file: BinaryIO, n_bytes: int) -> int:
    file.seek(0)
    return zlib.crc32(file.read(n_bytes))
