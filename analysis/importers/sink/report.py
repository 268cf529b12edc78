"""What an import did: one line for each source, and how many runs came of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from analysis.importers.result import RowProblem, SourceResult, Verdict

SourceState = Literal["new", "changed", "extended", "unchanged", "mirror", "known", "deleted", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One source of an import.

    Attributes:
        kind: Its kind.
        result: How much arrived.
        state: What that made of its run. `known`: it was not read, because it has not changed since it came in whole.
            `deleted`: it is not at its source any more; its rows stay.
        run_ids: Its runs in the store.
        problems: Values that did not come in.
        notes: Sentences about what was decided.
        n_redacted: Secrets that were taken out.
    """

    kind: str
    result: SourceResult
    state: SourceState
    run_ids: tuple[str, ...] = ()
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()
    n_redacted: int = 0

    def to_json(self) -> dict[str, object]:
        """The keys that docs/cli.md promises."""
        return {
            **self.result.to_json(),
            "kind": self.kind,
            "state": self.state,
            "run_ids": list(self.run_ids),
            "n_redacted": self.n_redacted,
            "notes": list(self.notes),
            "problems": [problem.to_json() for problem in self.problems],
        }


@dataclass(slots=True)
class ImportReport:
    """What an import did, or with `dry_run` would look at.

    Attributes:
        lines: One for each source.
        items: With `dry_run`: what there is, and whether it would be read.
        states: How many sources of each state.
        notes: Sentences about the import as a whole.
        dry_run: Nothing was read or written.
        stopped: It was ended by Ctrl-C.
        is_incomplete_list: There may be more at the targets than was found.
    """

    lines: list[SourceLine] = field(default_factory=list)
    items: list[dict[str, object]] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False
    stopped: bool = False
    is_incomplete_list: bool = False

    def add(self, line: SourceLine) -> None:
        """Adds a source; each of its runs counts as what it has become."""
        self.lines.append(line)
        self.states[line.state] += 1

    @property
    def n_redacted(self) -> int:
        """Secrets that were taken out."""
        return sum(line.n_redacted for line in self.lines)

    @property
    def n_runs(self) -> int:
        """Runs of all sources, also of those that have not changed."""
        return len({run_id for line in self.lines for run_id in line.run_ids})

    def count(self, verdict: Verdict) -> int:
        """How many sources have a verdict."""
        return sum(line.result.verdict == verdict for line in self.lines)

    @property
    def has_nothing(self) -> bool:
        """Whether nothing of anything came in."""
        return all(line.result.verdict == "quarantined" for line in self._there)

    @property
    def is_complete(self) -> bool:
        """Whether everything is in."""
        is_whole = all(line.result.verdict == "complete" for line in self._there)
        return is_whole and not (self.is_incomplete_list or self.stopped)

    @property
    def _there(self) -> list[SourceLine]:
        """Lines of what still is at its source."""
        return [line for line in self.lines if line.state != "deleted"]

    def to_json(self) -> dict[str, object]:
        """The keys that docs/cli.md promises."""
        return {
            "sources": [line.to_json() for line in self.lines],
            "n_sources": len(self.lines),
            "n_runs": self.n_runs,
            **{f"n_{state}": self.states[state] for state in get_args(SourceState)},
            "items": list(self.items),
            "n_redacted": self.n_redacted,
            "notes": list(self.notes),
            "dry_run": self.dry_run,
        }
