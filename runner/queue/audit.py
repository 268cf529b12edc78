"""The audit log: who did what, when, and what came of it. Triggers in the file keep it append-only."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Final

from runner.access.person import Person
from runner.queue.work import AuditEntry

_LONGEST: Final = 2000
"""Characters of a text that are kept (our choice): enough for a sentence, too few to fill a disk."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker, where the log names who did something."""

    worker_id: str


def add_entry(
    db: sqlite3.Connection, who: Person | Hand, action: str, subject: str, outcome: str, detail: str | None = None
) -> None:
    """Adds a line in the running transaction."""
    by = (who.worker_id, who.worker_id, "worker") if isinstance(who, Hand) else (who.user_id, who.name, who.via)
    texts = [*by, action, subject, outcome]
    db.execute(
        "INSERT INTO audit (at, user_id, name, via, action, subject, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (time.time(), *map(kept_text, texts), None if detail is None else kept_text(detail)),
    )


def read_entries(db: sqlite3.Connection, *, limit: int, before: int | None) -> list[AuditEntry]:
    """The newest entries first; `before` leaves out that entry and all later ones."""
    rows = db.execute(
        "SELECT * FROM audit WHERE entry_id < coalesce(?, entry_id + 1) ORDER BY entry_id DESC LIMIT ?", (before, limit)
    )
    return [AuditEntry(**dict(row)) for row in rows]


def kept_text(text: str) -> str:
    """Text from outside as the file can hold it: cut, and without halves of characters."""
    return text[:_LONGEST].encode("utf-8", errors="replace").decode("utf-8")
