"""What a Trackio database or export holds of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class StoredRow(NamedTuple):
    """One call of `trackio.log`.

    Attributes:
        number: Its id in the table, or its place in the file.
        timestamp: ISO text, as stored.
        step: As stored.
        metrics: The values; None where they cannot be read.
    """

    number: int
    timestamp: object
    step: object
    metrics: Mapping[str, object] | None


@dataclass(slots=True)
class StoredRun:
    """One run.

    Attributes:
        run_id: Trackio's id; None in databases from before Trackio 0.24.
        name: Its name.
        config: As stored, with the client's own entries.
        rows: In the order in which they were stored.
        n_expected: Rows that the table says it has.
        n_system: Rows of system metrics; they are not read.
        damage: Why rows are missing.
        config_problem: Why there is no config.
        notes: What else is worth saying.
    """

    run_id: str | None
    name: str
    config: Mapping[str, object]
    rows: list[StoredRow] = field(default_factory=list)
    n_expected: int = 0
    n_system: int = 0
    damage: str | None = None
    config_problem: str | None = None
    notes: list[str] = field(default_factory=list)
