"""How an item came in: what became of each of its runs, as lines of the report and of the table of imports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis.importers.result import RowProblem, SourceResult, Verdict
from analysis.importers.sink.lines import ImportLines, gone_line, gone_row, import_row, unused_label
from analysis.importers.sink.plan import Plan, State
from analysis.importers.sink.report import SourceLine, SourceState
from analysis.importers.source import Item
from analysis.importers.source_run import Refusal, SourceRun
from analysis.store import ImportRow

_STATES: Final[tuple[SourceState, ...]] = ("new", "changed", "extended", "mirror", "unchanged")
"""What is said of an item with several runs: the first of these that one of them is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one run."""

    label: str
    run_id: str
    state: State
    verdict: Verdict
    rows_expected: int
    rows_got: int
    n_lost: int | None
    reason: str | None
    problems: tuple[RowProblem, ...]
    notes: tuple[str, ...]
    n_redacted: int

    @classmethod
    def of(cls, run: SourceRun, plan: Plan, unfit: Sequence[RowProblem], n_redacted: int) -> Outcome:
        """From the run, what was planned for it, and what of it cannot be stored."""
        is_short = bool(unfit) and run.verdict in ("complete", "unverified")
        return cls(
            label=run.label,
            run_id=plan.run_id,
            state=plan.state,
            verdict="partial" if is_short else run.verdict,
            rows_expected=run.rows_expected,
            rows_got=run.rows_got,
            n_lost=run.lost_records,
            reason=unfit[0].reason if is_short else run.reason,
            problems=(*run.problems, *unfit),
            notes=(*run.notes, *plan.notes),
            n_redacted=n_redacted,
        )

    def line(self, kind: str, label: str) -> SourceLine:
        """Its line in the report."""
        result = SourceResult(label, self.verdict, self.rows_expected, self.rows_got, self.reason, self.n_lost)
        return SourceLine(
            kind=kind,
            result=result,
            state=self.state,
            run_ids=(self.run_id,),
            problems=self.problems,
            notes=self.notes,
            n_redacted=self.n_redacted,
        )


@dataclass(slots=True)
class ItemWork:
    """An item that is being read.

    Attributes:
        item: The item.
        digest: What it has as long as nothing changes; None where it was never read.
        scope: Names the targets among which it was found; None where they were not all listed.
        n_runs: Runs that have arrived.
        outcomes: What became of them, as far as they were compared with the store.
        refusals: What could not be taken.
        broken: Why the reading ended early.
    """

    item: Item
    digest: str | None
    scope: str | None
    n_runs: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    broken: str | None = None


@dataclass(slots=True)
class ItemRows:
    """Lines for the report, and rows for the table of imports."""

    lines: list[SourceLine] = field(default_factory=list)
    rows: list[ImportRow] = field(default_factory=list)

    def add(self, line: SourceLine, *, item: str | None, digest: str | None, **details: object) -> None:
        """One source."""
        self.lines.append(line)
        self.rows.append(import_row(line, item=item, digest=digest, details=details))


def item_rows(work: ItemWork, before: ImportLines) -> ItemRows:
    """One line for an item with one run; else one for the item, and one for each of its runs."""
    found = ItemRows()
    item, outcomes = work.item, work.outcomes
    is_whole = work.broken is None and not work.refusals
    if len(outcomes) == 1 and is_whole:
        only = outcomes[0]
        found.add(
            only.line(item.kind, item.label), item=None, digest=work.digest, scope=work.scope, run_label=only.label
        )
        return found
    summary = import_row(
        _item_line(work), item=None, digest=work.digest, details={"scope": work.scope, "n_runs": len(outcomes)}
    )
    found.rows.append(summary)
    if not outcomes or not is_whole:
        found.lines.append(_item_line(work))
    labels: set[str] = set()
    for outcome in outcomes:
        is_inside = outcome.label.startswith(item.label)
        label = unused_label(outcome.label if is_inside else f"{item.label}: {outcome.label}", labels)
        found.add(outcome.line(item.kind, label), item=item.label, digest=None)
    for row in before.of_item(item) if is_whole else ():
        if row["label"] not in labels:
            found.lines.append(gone_line(row))
            found.rows.append(gone_row(row))
    return found


def _item_line(work: ItemWork) -> SourceLine:
    outcomes = work.outcomes
    reasons = [work.broken, *(refusal.reason for refusal in work.refusals), *(each.reason for each in outcomes)]
    lost = [each.n_lost for each in outcomes if each.n_lost is not None]
    result = SourceResult(
        work.item.label,
        _verdict(work),
        sum(each.rows_expected for each in outcomes),
        sum(each.rows_got for each in outcomes),
        next((reason for reason in reasons if reason), None if outcomes else "it holds no run"),
        sum(lost) if lost else None,
    )
    return SourceLine(
        kind=work.item.kind,
        result=result,
        state=_state(each.state for each in outcomes),
        run_ids=tuple(each.run_id for each in outcomes),
    )


def _verdict(work: ItemWork) -> Verdict:
    if not work.outcomes:
        return "quarantined" if work.broken or work.refusals else "complete"
    verdicts = {outcome.verdict for outcome in work.outcomes}
    if work.broken or work.refusals or verdicts & {"partial", "quarantined"}:
        return "partial"
    return "unverified" if "unverified" in verdicts else "complete"


def _state(states: Iterable[State]) -> SourceState:
    found = {*states}
    return next((state for state in _STATES if state in found), "refused")
