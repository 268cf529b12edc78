"""Tables: columns explained by the schema, statuses as coloured badges, and a download of exactly what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd
import streamlit as st

from analysis.store.schema import FILTERABLE, column_named
from analysis.wording.spreadsheet import to_csv
from pages._text import MISSING

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

STATUS_COLORS: Final[Mapping[str, Literal["green", "blue", "gray", "orange", "red", "violet"]]] = {
    "finished": "green",
    "running": "blue",
    "queued": "gray",
    "diverged": "orange",
    "failed": "red",
    "lost": "red",
    "pruned": "violet",
    "stopped": "violet",
    "unconfirmed": "gray",
}
MOST_ROWS: Final = 500
"""Rows of one table that are shown: each is sent anew after every click. The download has all."""
LR_FORMAT: Final = "%e"
"""As people write them: with the digits that the number has, of which `round_rates` leaves three: `3e-4`, `3.16e-4`."""
_FORMATS: Final[Mapping[str, str]] = {
    "learning_rate": LR_FORMAT,
    "tokens_seen": "localized",
    "token_budget": "localized",
    "wall_s": "%.0f",
    "peak_memory_bytes": "bytes",
}


def show_table(
    table: pd.DataFrame,
    *,
    name: str,
    alt: str,
    columns: Mapping[str, ColumnConfig | str | None] | None = None,
    height: int | Literal["auto"] = "auto",
    whole_percent: Sequence[str] = (),
    probabilities: Sequence[str] = (),
) -> None:
    """Show a table and offer it as CSV.

    Args:
        table: What to show; the index is hidden.
        name: Key of the table and name of the downloaded file.
        alt: One sentence that says what it holds, for those who cannot see it.
        columns: How columns look; those named in the schema explain themselves.
        height: Height in pixels.
        whole_percent: Shares that are known to a percent at best, and shown so; the CSV keeps their digits.
        probabilities: Estimated ones, likewise, but of which none is shown as certain.
    """
    config = {**explain_columns(table.columns), **(columns or {})}
    shown = round_rates(table.head(MOST_ROWS), config).round(dict.fromkeys(whole_percent, 2))
    shown = shown.assign(**{name: shown[name].map(short_of_certain, na_action="ignore") for name in probabilities})
    if len(shown) < len(table):
        st.caption(f"The first {len(shown):,} of {len(table):,} rows; the download has all.")
    st.dataframe(shown, hide_index=True, column_config=config, key=name, alt=alt, height=height, placeholder=MISSING)
    offer_csv(table, name)


def round_rates(table: pd.DataFrame, columns: Mapping[str, ColumnConfig | str | None]) -> pd.DataFrame:
    """The table with three digits of every learning rate: of each column that is shown in their format."""
    named = [name for name in table.columns if _format_of(columns.get(name)) == LR_FORMAT]
    return table.assign(**{name: table[name].map(three_digits, na_action="ignore") for name in named})


def _format_of(column: ColumnConfig | str | None) -> object:
    kind = column.get("type_config") if isinstance(column, dict) else None
    return kind.get("format") if kind else None


def three_digits(rate: float) -> float:
    """A learning rate as it is shown."""
    return float(f"{rate:.2e}")


def short_of_certain(probability: float) -> float:
    """A probability as it is shown: in whole percent, above 99 % in tenths, and at most 99.9 %."""
    return min(round(probability, 2 if probability < 0.99 else 3), 0.999)


def offer_csv(table: pd.DataFrame, name: str) -> None:
    """A button that downloads the table as `ucurve-NAME.csv`, which is written when somebody wants it."""
    st.download_button(
        "Download CSV",
        partial(to_csv, table),
        file_name=f"ucurve-{name}.csv",
        mime="text/csv",
        key=f"{name}-csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def explain_columns(names: Iterable[str]) -> dict[str, ColumnConfig | str | None]:
    """How the columns of the runs table look, with unit and meaning as their tooltip."""
    return {name: _explain(name) for name in names if column_named(FILTERABLE, name) is not None}


def status_badges(statuses: pd.Series) -> pd.Series:
    """Statuses as one-item lists, which is what a badge column shows."""
    return statuses.map(lambda status: [status])


def _explain(name: str) -> ColumnConfig:
    column = column_named(FILTERABLE, name)
    meaning = "" if column is None else f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
    if name == "status":
        return st.column_config.MultiselectColumn(
            help=meaning, options=list(STATUS_COLORS), color=list(STATUS_COLORS.values()), width="small"
        )
    if column is not None and column.type == "timestamp":
        return st.column_config.DatetimeColumn(help=meaning, format="YYYY-MM-DD HH:mm")
    if name in _FORMATS:
        return st.column_config.NumberColumn(help=meaning, format=_FORMATS[name])
    return st.column_config.Column(help=meaning)
