"""Options that several verbs share, so that they are called and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from analysis.runs.direction import Direction
    from analysis.store import Snapshot, Store

DEFAULT_STORE: Final = "ucurve-store"
METRICS_SHOWN: Final = 50

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
    Literal["min", "max"] | None,
    typer.Option(
        "--direction",
        help="Whether lower (min: losses) or higher (max: scores) values are better "
        "(default: as imported, else by the metric's name).",
        show_default=False,
    ),
]


def open_store(location: Path) -> Store:
    """Returns the store at a location; raises StoreError when there is none."""
    from analysis.store import Store

    return Store.open(location)


def read_directed_results(
    location: Path, metric: str, where: Sequence[str] | None, direction: Direction | None
) -> tuple[pd.DataFrame, Direction]:
    """Returns what `read_results` does, and whether lower or higher values are better: as asked for, else as known."""
    from analysis.runs.direction import direction_of

    snapshot = open_store(location).snapshot()
    results = _results(snapshot, metric, where)
    return results, direction or direction_of(metric, snapshot.metric_directions())


def read_results(
    location: Path, metric: str, where: Sequence[str] | None, *, must_be_logged: bool = True
) -> pd.DataFrame:
    """Returns the last value of a metric per run that fits the conditions.

    Raises:
        StoreError: there is no store.
        FilterError: a condition cannot be read or names no column.
        UcurveError: the metric must be logged and no run of the store has, although some have logged others.
    """
    return _results(open_store(location).snapshot(), metric, where, must_be_logged=must_be_logged)


def _results(
    snapshot: Snapshot, metric: str, where: Sequence[str] | None, *, must_be_logged: bool = True
) -> pd.DataFrame:
    from analysis.runs.filters import parse_conditions

    results = snapshot.results(metric, parse_conditions(where or ()))
    if must_be_logged and not results["n_logged"].any():
        _check_metric(snapshot, metric)
    return results


def _check_metric(snapshot: Snapshot, metric: str) -> None:
    from analysis.errors import UcurveError
    from analysis.wording.printable import printable

    names = snapshot.metric_names()
    if names and metric not in names:
        shown = printable(", ".join(names[:METRICS_SHOWN]))
        more = f", and {len(names) - METRICS_SHOWN:,} more" if len(names) > METRICS_SHOWN else ""
        raise UcurveError(f"No run has logged the metric '{metric}'; --metric can be: {shown}{more}.")
