"""The system calls by which a sweep writes its store: where they go, and how many of a kind there are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOMENTS: Final = {
    "checkpoint write": ("write", 12),
    "checkpoint sync": ("sync", 20),
    "commit open": ("open", 4),
    "commit write": ("write", 4),
    "commit link": ("link", 4),
    "any rename": ("rename", 8),
    "any removal": ("remove", 8),
}
"""Kind of call, as `strace.WRITING` names it, and the last one of them that is sure to come in each thread."""
_N_COMMITS: Final = 40
_N_CHECKPOINTS: Final = 30


def written_paths(store: Path, moment: str) -> tuple[Path, ...]:
    """The files that are written at such a moment; none where any file counts."""
    where = moment.partition(" ")[0]
    if where == "checkpoint":
        drafts = [store / "checkpoints" / "tiny" / f"{number}.inprogress" for number in range(1, _N_CHECKPOINTS)]
        return tuple(path for draft in drafts for path in (draft, draft / "state.json", draft / "COMPLETE"))
    if where == "commit":
        logs = [store / table / "_delta_log" for table in ("metrics", "runs")]
        commits = [log / f"{number:020d}.json" for log in logs for number in range(_N_COMMITS)]
        return tuple(path for commit in commits for path in (commit, commit.with_name(f"{commit.name}#1")))
    return ()
