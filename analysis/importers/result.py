"""What every importer reports: how much of a source arrived, and what did not, with its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["complete", "partial", "unverified", "quarantined"]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row or value that was not imported.

    Attributes:
        line: 1-based line of a text file, or row of a Parquet file; None where it concerns no single row.
        column: Header of the column; None where it is the whole row.
        value: The cell, shortened.
        reason: What is wrong and what to do.
    """

    line: int | None
    column: str | None
    value: str | None
    reason: str

    def to_json(self) -> dict[str, object]:
        """Keys `line, column, value, reason`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SourceResult:
    """How one source came in.

    Attributes:
        source: Name under which its runs stand in the store.
        verdict: `complete`: everything is in. `partial`: something is known to be missing. `unverified`: all that is
            there was taken, but nothing says that this is all (a run that is still going, or was killed).
            `quarantined`: nothing was taken.
        rows_expected: Records that the source holds.
        rows_got: Records that the store now has.
        reason: Why it is not complete, or None.
        n_lost: Records known to be lost, where the source counts them in another way.
    """

    source: str
    verdict: Verdict
    rows_expected: int
    rows_got: int
    reason: str | None = None
    n_lost: int | None = None

    @property
    def lost_records(self) -> int:
        """Records that are not in the store."""
        return self.rows_expected - self.rows_got if self.n_lost is None else self.n_lost

    def to_json(self) -> dict[str, object]:
        """Keys `source, verdict, rows_expected, rows_got, lost_records, reason`."""
        return {
            "source": self.source,
            "verdict": self.verdict,
            "rows_expected": self.rows_expected,
            "rows_got": self.rows_got,
            "lost_records": self.lost_records,
            "reason": self.reason,
        }
