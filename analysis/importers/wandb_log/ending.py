"""How a run ended, as far as its log tells, and how much of the log that leaves in doubt."""

from __future__ import annotations

from typing import Final

from analysis.importers.result import Verdict
from analysis.importers.wandb_log.records import RecordReader
from analysis.importers.wandb_log.types import LogDamage, State

QUIET_S: Final = 600.0
"""Seconds without a write after which a log without an exit record counts as lost. Our choice: the client writes every
15 s, but only when something is logged, so a later import may find the run alive."""


def state_of(exit_code: int | None, confirmed: bool, quiet_s: float) -> State:
    """The state of a run.

    Args:
        exit_code: Of the exit record, None without one.
        confirmed: Whether the client itself asked for the end; wandb-core writes exit code 0 for a killed client too.
        quiet_s: Seconds since the file was last written to.
    """
    if exit_code is None:
        return "lost" if quiet_s > QUIET_S else "running"
    if exit_code:
        return "failed"
    return "finished" if confirmed else "unconfirmed"


def damage_of(reader: RecordReader, *, n_without_step: int, n_bad_values: int) -> LogDamage:
    """What a reader that came to the end of a log could not read, and rows and values that say too little."""
    frames = reader.frames
    tail = frames.tail
    if tail is None:
        raise ValueError("the log has not been read to its end")
    n_bytes = sum(gap.stop - gap.start for gap in frames.gaps)
    sentences = {
        f"{n_bytes:,} bytes in {len(frames.gaps)} places are unreadable": len(frames.gaps),
        f"{reader.lost_records} records are missing": reader.lost_records,
        f"{reader.n_undecodable} records have an unknown form": reader.n_undecodable,
        f"{reader.n_unordered} records are out of order": reader.n_unordered,
        f"{n_without_step} rows say no step": n_without_step,
        f"{n_bad_values} values have an unknown form": n_bad_values,
    }
    problems = tuple(sentence for sentence, count in sentences.items() if count)
    return LogDamage(reader.lost_records, tuple(frames.gaps), tail, problems)


def verdict_of(damage: LogDamage, state: State) -> tuple[Verdict, str | None]:
    """The verdict and its reason."""
    ended = state in ("finished", "unconfirmed", "failed")
    broken_off = damage.tail.kind in ("cut", "garbage") and not ended
    if damage.problems or (broken_off and state == "lost"):
        return "partial", "; ".join([*damage.problems, *_end_sentences(damage, state)])
    if not ended:
        return "unverified", "; ".join(_end_sentences(damage, state))
    return "complete", None


def _end_sentences(damage: LogDamage, state: State) -> list[str]:
    """What to say about the end of a log without an exit record."""
    if state == "running":
        return ["the log has no exit record yet: the run may still be writing"]
    if state != "lost":
        return []
    if damage.tail.kind == "cut":
        return ["the log breaks off inside a record: the run was killed or the file cut, later rows are not in it"]
    if damage.tail.kind == "garbage":
        return [f"the last {damage.tail.n_bytes:,} bytes are unreadable, and there is no exit record before them"]
    return ["the log has no exit record: the run was killed or the file cut, later rows may be missing"]
