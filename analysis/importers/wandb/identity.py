"""What proves that a run offline and a run on a server are one: the local reader and the API reader share it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from itertools import islice
from typing import Final

MARKED_ROWS: Final = 3
"""Rows of which each gives a mark: one lost at the start of a damaged log still leaves a proof. Our choice."""


def twin_marks(project: str | None, run_id: str, timestamps: Iterable[float | None]) -> tuple[str, ...]:
    """Marks of the first logged rows of one attempt, at most `MARKED_ROWS`; equal for a run and its upload.

    An upload keeps project, run id and each row's `_timestamp`, but not the entity, which is often unknown offline.

    Args:
        project: The project; None where it is unknown.
        run_id: W&B's id of the run.
        timestamps: `_timestamp` of the rows in the order of their steps, seconds since 1970; of a run on a server those
            of its whole history, of a local log those that it holds itself, without what a resumed run had before.
            Missing ones are skipped.

    >>> twin_marks("p", "r", [1.5]) == twin_marks("p", "r", [None, 1.5000001])
    True
    """
    known = (stamp for stamp in timestamps if stamp is not None and math.isfinite(stamp))
    return tuple(dict.fromkeys(_mark(project, run_id, stamp) for stamp in islice(known, MARKED_ROWS)))


def _mark(project: str | None, run_id: str, stamp: float) -> str:
    # To the millisecond: a server may hold fewer digits of a double than the log.
    text = json.dumps([project or "", run_id, f"{stamp:.3f}"])
    return f"wandb:{hashlib.sha256(text.encode()).hexdigest()[:24]}"
