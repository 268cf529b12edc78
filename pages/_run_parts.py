"""The parts of the page Runs: the table to choose from, and the configuration of one run."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.runs.configuration import GroupValue, flatten, plain
from analysis.runs.direction import Direction
from analysis.store.schema import RUNS
from pages._tables import explain_columns, offer_csv, round_rates, show_table, status_badges
from pages._text import MISSING, count_text, md_escape

PAGE_ROWS: Final = 500
"""Rows of a long table at a time."""
MAX_SHARED: Final = 8
"""Shared settings named above the table; the rest is in the configuration below."""

_RAW: Final = frozenset({"config_json", "provenance_json", "seq", "schema_version"})
"""Columns that are for programs; what is in the first is shown key by key."""


def show_shared(shared: Mapping[str, GroupValue]) -> None:
    """What all runs of the table have in common, in one line."""
    facts = [f"{md_escape(key)} **{md_escape(value)}**" for key, value in list(shared.items())[:MAX_SHARED]]
    if facts:
        st.caption(f"The same for all: {' · '.join(facts)}")


def choose_runs(rows: pd.DataFrame, metric: str, direction: Direction) -> list[str]:
    """Show the table, a page of it where it is long; return the ids of all ticked runs, which the address keeps."""
    shown = _page_of(rows, metric, direction)
    ids = [str(run_id) for run_id in shown["run_id"]]
    linked = st.query_params.get_all("run")
    explained = explain_columns(shown.columns)
    event = st.dataframe(
        round_rates(shown, explained).assign(status=status_badges(shown["status"])),
        hide_index=True,
        # Ticks are row numbers: another set of rows must start from the link's ids again, not from old numbers.
        key=f"runs-{zlib.crc32(chr(10).join(ids).encode()):08x}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, run_id in enumerate(ids) if run_id in set(linked)]}},
        column_config={
            **explained,
            "name": st.column_config.TextColumn("name", pinned=True),
            metric: st.column_config.NumberColumn(format="%.4f", help="last logged value"),
            "step": st.column_config.NumberColumn(format="%,d", help=f"step of the last {metric}"),
        },
        alt="One row per run, the newest first",
        placeholder=MISSING,
    )
    elsewhere = {*rows["run_id"].astype(str)} - {*ids}
    chosen = [*(run_id for run_id in linked if run_id in elsewhere), *(ids[row] for row in event.selection.rows)]
    if set(chosen) != set(linked):
        st.query_params["run"] = chosen
    offer_csv(rows, "runs")
    return chosen


def _page_of(rows: pd.DataFrame, metric: str, direction: Direction) -> pd.DataFrame:
    """The rows that are shown: all of a short table; of a long one a page, in an order that the reader chooses.

    A browser gets slow with tens of thousands of rows, and so does sending them anew after every click.
    """
    if len(rows) <= PAGE_ROWS:
        return rows
    with st.container(horizontal=True, vertical_alignment="bottom"):
        orders = ["Newest first", f"Best {metric} first"]
        order = st.selectbox("Order", orders, key="order", bind="query-params", width=240)
        page = st.pagination(math.ceil(len(rows) / PAGE_ROWS), key="page", bind="query-params")
    if order == orders[1]:
        rows = rows.sort_values(metric, ascending=direction == "min", kind="stable")
    first = (page - 1) * PAGE_ROWS
    shown = rows.iloc[first : first + PAGE_ROWS]
    st.caption(
        f"Rows {first + 1:,} to {first + len(shown):,} of {len(rows):,}. A click on a column's head sorts these alone; "
        "filters in the sidebar narrow all. The download has every row."
    )
    return shown


def link_to_comparison(chosen: Sequence[str]) -> None:
    """The way to the ticked runs' curves and differences; everything else in the address comes along."""
    query = {key: st.query_params.get_all(key) for key in st.query_params}
    label = f"Compare {count_text(len(chosen), 'ticked run')}" if chosen else "Compare the newest runs"
    st.page_link(
        "pages/compare_runs.py", label=label, icon=":material/compare_arrows:", query_params={**query, "run": [*chosen]}
    )


def show_configuration(runs: pd.DataFrame, chosen: Sequence[str]) -> None:
    """The whole configuration of the ticked run."""
    picked = runs[runs["run_id"].isin(list(chosen))]
    if len(picked) != 1:
        st.caption("Tick one run for its whole configuration; compare several for where they differ.")
        return
    show_table(configuration_table(picked.iloc[0]), name="configuration", alt="Configuration of the chosen run")


def configuration_table(run: pd.Series) -> pd.DataFrame:
    """Every column of one run that has a value, then the keys that only its configuration has; one row each."""
    typed = [(column.name, plain(run[column.name]), column.unit, column.meaning) for column in RUNS]
    names = {column.name for column in RUNS}
    logged = flatten(json.loads(run["config_json"])) if isinstance(run["config_json"], str) else {}
    extra = [(key, value, "", "") for key, value in logged.items() if key not in names]
    rows = [(name, value, unit, meaning) for name, value, unit, meaning in (*typed, *extra) if value is not None]
    return pd.DataFrame(
        [(name, str(value), unit, meaning) for name, value, unit, meaning in rows if name not in _RAW],
        columns=["setting", "value", "unit", "meaning"],
    )
