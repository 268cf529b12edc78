"""How an import is shown: bars on a terminal, lines of JSON for a program, a table of verdicts at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.errors import ConfigError
from runner.cli.output import note, print_lines, print_table, to_json_value

if TYPE_CHECKING:
    from analysis.importers.sink import ImportReport, SourceLine

Said = Mapping[str, object]
_MOST_SHOWN: Final = 50
"""Sources in the table; those that are not complete come first when there are more."""
_STATES: Final = ("new", "changed", "extended", "unchanged", "mirror", "known", "deleted")


@contextmanager
def events_to(progress_file: Path | None) -> Iterator[Callable[[Said], None]]:
    """Where events go: to bars on the error stream if that is a terminal, and to a file as lines of JSON.

    Raises:
        ConfigError: the file cannot be written.
    """
    with ExitStack() as stack:
        tell = [stack.enter_context(_bars())]
        if progress_file is not None:
            tell.append(stack.enter_context(_json_lines(progress_file)))

        def tell_all(event: Said) -> None:
            for each in tell:
                each(event)

        yield tell_all


@contextmanager
def _json_lines(path: Path) -> Iterator[Callable[[Said], None]]:
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"cannot write the progress file {str(path)!r}: {problem.strerror}") from problem
    is_writable = True

    def tell(event: Said) -> None:
        nonlocal is_writable
        if not is_writable:
            return
        try:
            file.write(f"{json.dumps(to_json_value(event), allow_nan=False)}\n")
            file.flush()
        except OSError as problem:  # a full disk, a reader that has gone: the import itself goes on
            is_writable = False
            note(f"the progress file {str(path)!r} cannot be written any more: {problem.strerror}")

    try:
        yield tell
    finally:
        with suppress(OSError):  # of what was said above
            file.close()


@contextmanager
def _bars() -> Iterator[Callable[[Said], None]]:
    """A bar for all sources and one for the rows of the current one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        overall = bars.add_task("Looking", total=None)
        current = bars.add_task("", total=None, visible=False)

        def tell(event: Said) -> None:
            name = event["event"]
            if name == "found":
                bars.update(overall, completed=_number(event["n_items"]))
            elif name == "listed":
                bars.update(overall, description="Sources", total=_number(event["n_items"]))
                bars.update(overall, completed=_number(event["n_known"]))
            elif name == "started":
                label, total = str(event["source"])[-60:], event["n_rows_expected"]
                rows = _number(total) if isinstance(total, int) else None
                bars.reset(current, description=label, total=rows, visible=True)
            elif name == "reading":
                bars.update(current, completed=_number(event["n_rows"]))
            elif name == "read":
                bars.update(overall, advance=1)

        yield tell


def print_report(report: ImportReport) -> None:
    """The table of verdicts, the counts in a sentence, and remarks beside them."""
    lines = sorted(report.lines, key=lambda line: line.result.verdict == "complete")
    shown = report.lines if len(lines) <= _MOST_SHOWN else lines[:_MOST_SHOWN]
    print_table(("source", "kind", "verdict", "!rows", "state", "reason"), [_cells(line) for line in shown])
    if len(lines) > len(shown):
        print_lines([f"... and {len(lines) - len(shown):,} more (--json lists all)."])
    print_lines([_counts(report)])
    for sentence in [*report.notes, *_remarks(report)]:
        note(sentence)


def print_preview(report: ImportReport) -> None:
    """What there is, and whether it would be read."""
    states = Counter(str(item["state"]) for item in report.items)
    rows = [(item["source"], item["kind"], item["state"], item.get("n_rows")) for item in report.items[:_MOST_SHOWN]]
    print_table(("source", "kind", "state", "!rows"), rows)
    if len(report.items) > _MOST_SHOWN:
        print_lines([f"... and {len(report.items) - _MOST_SHOWN:,} more (--json lists all)."])
    print_lines([f"{', '.join(f'{count:,} {state}' for state, count in states.items())}; nothing was imported."])
    for sentence in report.notes:
        note(sentence)


def _cells(line: SourceLine) -> tuple[object, ...]:
    result = line.result
    rows = f"{result.rows_got:,}" if result.rows_got == result.rows_expected else None
    rows = rows or f"{result.rows_got:,} of {result.rows_expected:,}"
    return (result.source, line.kind, result.verdict, rows, line.state, result.reason)


def _counts(report: ImportReport) -> str:
    verdicts = [(verdict, report.count(verdict)) for verdict in ("complete", "partial", "unverified", "quarantined")]
    found = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts if count)
    became = ", ".join(f"{report.states[state]:,} {state}" for state in _STATES if report.states[state])
    return f"{_number_of(len(report.lines), 'source')}: {found}. Runs: {became or 'none'}."


def _remarks(report: ImportReport) -> list[str]:
    """Notes of the sources, each once; how many secrets were taken out."""
    said = Counter(f"{sentence}" for line in report.lines for sentence in line.notes)
    remarks = [sentence if count == 1 else f"{sentence} ({count:,} x)" for sentence, count in said.items()]
    if len(remarks) > _MOST_SHOWN:
        remarks = [*remarks[:_MOST_SHOWN], f"... and {len(remarks) - _MOST_SHOWN:,} more remarks (--json lists all)."]
    if report.n_redacted:
        remarks.append(f"Taken out on the way in: {_number_of(report.n_redacted, 'secret')} (keys, passwords).")
    return remarks


def _number_of(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
