"""`ucurve import`: bring runs in from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from runner.cli.import_sources import add_sources
from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.output import note, print_json, print_lines

if TYPE_CHECKING:
    from analysis.importers.table import Table, TableImport, TableMap
    from analysis.importers.table.importer import Progress

PARTIAL: Final = 1
NOTHING: Final = 2
MOST_SHOWN: Final = 20
_MANY_ROWS: Final = 5000
"""Rows from which on a progress bar is worth its flicker."""

import_app = typer.Typer(help="Bring runs in from elsewhere.", no_args_is_help=True)


@import_app.command("table")
def import_table_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV, JSON lines (.jsonl) or Parquet.")],
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="MAP.yaml", help="What the columns are; without it that is guessed."),
    ] = None,
    store: StoreOption = Path(DEFAULT_STORE),
    source: Annotated[
        str,
        typer.Option("--source", metavar="NAME", help="Name of the table; keeps its runs apart from other tables'."),
    ] = "table",
    encoding: Annotated[str, typer.Option("--encoding", metavar="NAME", help="Encoding of a text file.")] = "utf-8",
    replace: Annotated[
        bool, typer.Option("--replace", help="Allow that most runs that are there get other values.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the map and what would be imported; import nothing.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Import a table with one row a run or one row a metric value; the same table again changes nothing."""
    from analysis.importers.table import guess_map, import_table, map_to_yaml, plan_import, read_map, read_table
    from analysis.store import Store

    table = read_table(file, encoding=encoding)
    table_map = guess_map(table) if map_file is None else read_map(map_file)
    with _progress_bar(len(table.rows)) as progress:
        if dry_run:
            there = Store.open_if_made(store)
            planned = plan_import(table, table_map, there, source=source, replace=replace, progress=progress)
        else:
            opened = Store.open(store, create=True)
            planned = import_table(table, table_map, opened, source=source, replace=replace, progress=progress)
    if json_output:
        extra: dict[str, object] = {"map": map_to_yaml(table_map), "dry_run": dry_run}
        print_json(planned.to_json() | extra)
    elif dry_run:
        _print_plan(table, table_map, planned)
    else:
        _print_outcome(planned, guessed=map_file is None)
    _exit(planned)


add_sources(import_app)


def _print_plan(table: Table, table_map: TableMap, planned: TableImport) -> None:
    from analysis.importers.table.summary import explain_map

    typer.echo(explain_map(table, table_map, planned), nl=False)
    _note_problems(planned)


def _print_outcome(planned: TableImport, *, guessed: bool) -> None:
    result, changes = planned.result, planned.changes
    got = f"{result.rows_got:,} of {result.rows_expected:,} rows"
    print_lines([f"{got}, {len(planned.runs):,} runs: {changes.counts_text()}."])
    if guessed:
        note("What the columns are was guessed; see it with --dry-run, correct it with --map.")
    for sentence in planned.notes:
        note(sentence)
    _note_problems(planned)


def _note_problems(planned: TableImport) -> None:
    for problem in planned.problems[:MOST_SHOWN]:
        where = "" if problem.line is None else f"line {problem.line}: "
        column = "" if problem.column is None else f"{problem.column}: "
        value = "" if problem.value is None else f" (it holds {problem.value!r})"
        note(f"{where}{column}{problem.reason}{value}")
    if len(planned.problems) > MOST_SHOWN:
        note(f"... and {len(planned.problems) - MOST_SHOWN:,} more problems (--json lists up to 1,000).")


def _exit(planned: TableImport) -> None:
    if planned.result.verdict == "quarantined":
        note(f"Nothing can be imported: {planned.result.reason}.")
        raise typer.Exit(NOTHING)
    if planned.result.verdict == "partial":
        raise typer.Exit(PARTIAL)


@contextmanager
def _progress_bar(n_rows: int) -> Iterator[Progress | None]:
    """A bar on the error stream for large files on a terminal, else None."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if n_rows < _MANY_ROWS or not console.is_terminal:
        yield None
        return
    with Bars(console=console, transient=True) as bars:
        task = bars.add_task("Reading rows", total=1.0)
        yield lambda what, share: bars.update(task, description=what, completed=share)
