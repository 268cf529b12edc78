"""`ucurve runs`: the runs table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, WhereOption, read_results
from runner.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS: Final = ("run_id", "source", "sweep_id", "status", "learning_rate", "batch_size", "lora_rank", "seed")
_METRIC: Final = "eval_loss"
_JSON_TEXTS: Final = {"config_json": "config", "provenance_json": "provenance"}


def list_runs(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Logged metric; its last value per run is shown (default: eval_loss).",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Show at most this many runs, the newest ones.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """List runs with their state, main hyperparameters and last value of a metric."""
    results = read_results(store, metric or _METRIC, where, must_be_logged=metric is not None)
    shown = results if limit is None else results.tail(limit)
    if json_output:
        print_json([_to_json(row) for row in _records(shown)])
        return
    _print(shown, metric or _METRIC)
    left_out = len(results) - len(shown)
    if left_out:
        note(f"{left_out} older run{'' if left_out == 1 else 's'} not shown (--limit).")


def _records(results: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in results.to_dict("records")]


def _to_json(row: dict[str, object]) -> dict[str, object]:
    """Returns every column of a run; the two JSON texts as objects, under their short names."""
    plain = {key: value for key, value in row.items() if key not in _JSON_TEXTS}
    return plain | {short: _parse(row.get(column)) for column, short in _JSON_TEXTS.items()}


def _parse(text: object) -> object:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _print(results: pd.DataFrame, metric: str) -> None:
    from analysis.number_format import format_tried_lr, format_value
    from analysis.runs.configuration import plain

    rows = []
    for row in _records(results):
        cells = {key: plain(row[key]) for key in (*_COLUMNS, "value")}
        rate, value = cells["learning_rate"], cells["value"]
        cells["learning_rate"] = format_tried_lr(rate) if isinstance(rate, int | float) and rate > 0 else None
        cells["value"] = format_value(value) if isinstance(value, int | float) else None
        rows.append(list(cells.values()))
    headers = ("run_id", "source", "sweep", "status", "!lr", "!batch", "!rank", "!seed", f"!{metric}")
    print_table(headers, rows)
    note(f"{len(rows)} run{'' if len(rows) == 1 else 's'}.")
    aliases = results["logged_as"][results["logged_as"] != metric].value_counts()
    if len(aliases):
        names = ", ".join(f"{name} ({n})" for name, n in aliases.items())
        note(f"{metric} was logged under other names: {names}.")
