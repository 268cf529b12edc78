"""Options that several verbs share, so that they are called and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from analysis.store import Snapshot, Store

DEFAULT_STORE: Final = "ucurve-store"

StoreOption = Annotated[
    Path,
    typer.Option(
        "--store", envvar="UCURVE_STORE", metavar="DIR", help="Folder of the store that holds the runs.", dir_okay=True
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only runs that fit, such as 'lora_rank<=16', 'model=a,b', 'name~demo'; repeat it for more conditions.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text (keys: docs/cli.md).")]
MetricOption = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="Logged metric; its last value per run counts.")
]
DirectionOption = Annotated[
    Literal["min", "max"],
    typer.Option("--direction", help="Whether lower (min: losses) or higher (max: scores) values are better."),
]


def open_store(location: Path) -> Store:
    """Returns the store at a location; raises StoreError when there is none."""
    from analysis.store import Store

    return Store.open(location)


def read_results(location: Path, metric: str, where: Sequence[str] | None) -> pd.DataFrame:
    """Returns the last value of a metric per run that fits the conditions.

    Raises:
        StoreError: there is no store.
        FilterError: a condition cannot be read or names no column.
        UcurveError: no run of the store has logged the metric, although some have logged others.
    """
    from analysis.filters import parse_conditions

    conditions = parse_conditions(where or ())
    snapshot = open_store(location).snapshot()
    _check_metric(snapshot, metric)
    return snapshot.results(metric, conditions)


def _check_metric(snapshot: Snapshot, metric: str) -> None:
    from analysis.errors import UcurveError

    names = snapshot.metric_names()
    if names and metric not in names:
        raise UcurveError(f"No run has logged the metric '{metric}'; --metric can be: {', '.join(names)}.")
