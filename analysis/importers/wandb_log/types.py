"""What a log says about its run, how the run ended, and how much of the log could be read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from analysis.importers.result import Verdict
from analysis.importers.wandb_log.framing import Gap, Tail

State = Literal["finished", "unconfirmed", "failed", "lost", "running"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The newest `run` record: who the run is, and what people call it. Texts that W&B leaves empty are None.

    Attributes:
        run_id: W&B's id; unique only together with entity and project.
        start_time: When this log's process began, UTC, to the nanosecond's microsecond; tells parts of a run apart.
        resumed: Whether the client continued a run that the server knew.
        starting_step: First step of a resumed or forked run.
        parent_run_id: The run that this one was forked from.
        fork_step: Step at which it was forked.
    """

    run_id: str
    entity: str | None
    project: str | None
    group: str | None
    job_type: str | None
    name: str | None
    notes: str | None
    tags: tuple[str, ...]
    host: str | None
    start_time: datetime | None
    sweep_id: str | None
    resumed: bool
    starting_step: int
    parent_run_id: str | None
    fork_step: float | None
    client_version: str | None


@dataclass(frozen=True, slots=True)
class MetricSetting:
    """One `define_metric`.

    Attributes:
        name: Key or, with `is_glob`, a pattern of keys; nested keys joined by dots, dots in a key escaped.
        step_metric: The metric to draw it over, or None.
        summaries: What the summary holds of it: `min`, `max`, `mean`, `best`, `last`, `first`, `none`, `copy`.
        goal: Which way is better, or None.
    """

    name: str
    is_glob: bool
    step_metric: str | None
    summaries: tuple[str, ...]
    goal: Literal["min", "max"] | None
    hidden: bool


@dataclass(frozen=True, slots=True)
class LogCursor:
    """How far a log was read. Whoever comes back with it gets only the rows behind it.

    Attributes:
        end: Offset behind the last whole record.
        last_num: Number of that record.
        head_bytes: Length of the start of the file that `head_crc` covers.
        head_crc: crc32 of it: the same file has the same start, whatever its inode became.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    end: int
    last_num: int
    head_bytes: int
    head_crc: int

    def to_json(self) -> dict[str, int]:
        """All attributes by name; `LogCursor(**keys)` reads them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LogDamage:
    """What could not be read.

    Attributes:
        lost_records: Records missing between sound ones, counted by their numbers; None where they have none.
        gaps: The unreadable stretches.
        tail: What follows the last whole record.
        problems: A sentence for each kind of damage, for people.
    """

    lost_records: int | None
    gaps: tuple[Gap, ...]
    tail: Tail
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunLog:
    """One `.wandb` file.

    Attributes:
        path: The file.
        verdict: `complete`: every record up to the exit record was read. `partial`: something is known to be missing.
            `unverified`: all that is there was read, but no exit record says that this is all. `quarantined`: nothing
            can be taken from it.
        reason: Why it is not complete, in one sentence or more; None where it is.
        state: How the run ended; None where the log does not say which run it is.
        exit_code: As its exit record says.
        facts: Who the run is; None where no `run` record could be read.
        config: Nested, all updates applied. `_wandb` is the client's own key.
        summary: Nested, all updates and removals applied; `_wandb`, `_step`, `_timestamp`, `_runtime` are the client's.
        environment: What the client noted about machine, git and command line; may hold secrets.
        metrics: Settings by `define_metric`.
        history: Long table of `HISTORY_SCHEMA`: the rows behind the cursor that reading began at, else all.
        n_rows: Logged rows in the whole file, rows without any value among them; same step, same row.
        n_new_rows: Logged rows in `history`.
        n_replaced: Half characters replaced by U+FFFD.
        not_read: Number of records by kind that hold nothing for an analysis (console output, system metrics ...).
        damage: What could not be read.
        cursor: Where to go on; None where nothing was read.
    """

    path: Path
    verdict: Verdict
    reason: str | None
    history: pa.Table
    state: State | None = None
    exit_code: int | None = None
    facts: RunFacts | None = None
    config: dict[str, object] = field(default_factory=dict)
    summary: dict[str, object] = field(default_factory=dict)
    environment: dict[str, object] = field(default_factory=dict)
    metrics: tuple[MetricSetting, ...] = ()
    n_rows: int = 0
    n_new_rows: int = 0
    n_replaced: int = 0
    not_read: dict[str, int] = field(default_factory=dict)
    damage: LogDamage | None = None
    cursor: LogCursor | None = None
