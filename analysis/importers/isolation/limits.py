"""How much a reading process may take, and how long it may be silent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one reading process; all are our choice.

    Attributes:
        memory_bytes: Address space. Libraries reserve far more than they use, wandb's helper process above all.
        silent_s: Seconds without a sign of life after which the process is ended.
        most_breaks: Items in a row over which the process may break; then the others are not tried.
        most_parcels: Parcels that wait to be fetched, before the process waits too.
    """

    memory_bytes: int = 8 * 1024**3
    silent_s: float = 120.0
    most_breaks: int = 5
    most_parcels: int = 8
