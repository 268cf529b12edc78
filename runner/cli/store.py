"""`ucurve store`: look after the store."""

from __future__ import annotations

from pathlib import Path

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, open_store
from runner.cli.output import print_json, print_lines, print_table

PARTIAL = 1

store_app = typer.Typer(help="Look after the store.", no_args_is_help=True)


@store_app.command("info")
def show_info(store: StoreOption = Path(DEFAULT_STORE), json_output: JsonOption = False) -> None:
    """Show size, versions and freshness."""
    info = open_store(store).info().to_json()
    if json_output:
        print_json(info)
    else:
        print_table(("", "!"), [(key, _text(value)) for key, value in info.items()])


@store_app.command("check")
def check_store(store: StoreOption = Path(DEFAULT_STORE), json_output: JsonOption = False) -> None:
    """Open every file and look for rows that do not fit together; exit code 1 if there are problems."""
    problems = open_store(store).check()
    if json_output:
        print_json({"n_problems": len(problems), "problems": [problem.to_json() for problem in problems]})
    elif problems:
        rows = [(problem.kind, problem.where, problem.message) for problem in problems]
        print_table(("kind", "where", "problem"), rows)
    else:
        print_lines(["No problems."])
    if problems:
        raise typer.Exit(PARTIAL)


@store_app.command("compact")
def compact_store(store: StoreOption = Path(DEFAULT_STORE), json_output: JsonOption = False) -> None:
    """Merge small files; readers that are at work keep theirs for a grace time."""
    result = open_store(store).compact()
    if json_output:
        print_json(result.to_json())
    else:
        print_lines([f"{result.n_files_merged} files merged, {result.n_files} left."])


def _text(value: object) -> str | None:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return None if value is None else str(value)
