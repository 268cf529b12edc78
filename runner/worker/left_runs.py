"""What the store says of runs whose process died: that they run, until somebody sets it right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from analysis.errors import UcurveError
from analysis.store import Store
from runner.sweep_lock import sweep_lock

Changes: TypeAlias = Mapping[str, dict[str, object]]
"""By the status that a run has now."""
_LOST: Final[dict[str, object]] = {"status": "lost", "status_reason": "its process ended without a word"}
_NEVER: Final[dict[str, object]] = {"status": "stopped", "status_reason": "the sweep ended before it began"}


def say_lost(location: Path, sweep_id: str, say: Callable[[str], None]) -> None:
    """Makes running runs of a sweep lost. Only for whoever has its job: nobody else may begin it meanwhile.

    Args:
        location: Folder of the store; there may be none yet.
        sweep_id: The sweep.
        say: Takes a sentence where that fails.
    """
    _set_right(location, sweep_id, {"running": _LOST}, say)


def say_ended(location: Path, sweep_id: str, say: Callable[[str], None]) -> None:
    """The same for a sweep that nobody goes on with: its queued runs never begin."""
    _set_right(location, sweep_id, {"running": _LOST, "queued": _NEVER}, say)


def _set_right(location: Path, sweep_id: str, changes: Changes, say: Callable[[str], None]) -> None:
    try:
        store = Store.open_if_made(location)
        if store is not None:
            _append(store, sweep_id, changes)
    except (UcurveError, OSError) as problem:  # also when somebody runs this sweep by hand, who sets it right
        say(f"runs of {sweep_id} may be shown as running although none does: {problem}")


def _append(store: Store, sweep_id: str, changes: Changes) -> None:
    with sweep_lock(store.location, sweep_id):
        known = store.snapshot().rows_of_source("local").values()
        stale = [row for row in known if row.get("sweep_id") == sweep_id and row.get("status") in changes]
        now = datetime.now(UTC)
        rows = [row | changes[str(row["status"])] | {"updated_at": now} for row in stale]
        store.append(runs=[row | {"seq": store.next_seq(after=int(str(row.get("seq") or 0)))} for row in rows])
