"""The parts of the page Runs: the table to choose from, the curves, and where configurations differ."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.loss_curves import XAxis, plot_loss_curves
from analysis.runs.config_diff import diff_configs
from analysis.runs.configuration import GroupValue, flatten, plain
from analysis.store.schema import RUNS
from pages._charts import show_chart, theme
from pages._data import load_curves, load_metric_names
from pages._tables import explain_columns, offer_csv, show_table, status_badges
from pages._text import MISSING, count_text, md_escape
from pages._view import View

MAX_CURVES: Final = 6
"""Curves drawn before anything is chosen: few enough for a legend on a phone."""

X_AXES: Final[Mapping[str, XAxis]] = {"Steps": "step", "Tokens": "tokens_seen", "Wall time": "wall_time"}
MAX_SHARED: Final = 8
"""Shared settings named above the table; the rest is in the configuration below."""

_RAW: Final = frozenset({"config_json", "provenance_json", "seq", "schema_version"})
"""Columns that are for programs; what is in the first is shown key by key."""


def show_shared(shared: Mapping[str, GroupValue]) -> None:
    """What all runs of the table have in common, in one line."""
    facts = [f"{md_escape(key)} **{md_escape(value)}**" for key, value in list(shared.items())[:MAX_SHARED]]
    if facts:
        st.caption(f"The same for all: {' · '.join(facts)}")


def choose_runs(rows: pd.DataFrame, metric: str) -> list[str]:
    """Show the table; return the ids of the ticked runs, which the address bar keeps as `run`."""
    ids = [str(run_id) for run_id in rows["run_id"]]
    linked = set(st.query_params.get_all("run"))
    event = st.dataframe(
        rows.assign(status=status_badges(rows["status"])),
        hide_index=True,
        # Ticks are row numbers: another set of rows must start from the link's ids again, not from old numbers.
        key=f"runs-{zlib.crc32(chr(10).join(ids).encode()):08x}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, run_id in enumerate(ids) if run_id in linked]}},
        column_config={
            **explain_columns(rows.columns),
            "name": st.column_config.TextColumn("name", pinned=True),
            metric: st.column_config.NumberColumn(format="%.4f", help="last logged value"),
            "step": st.column_config.NumberColumn(format="%,d", help=f"step of the last {metric}"),
        },
        alt="One row per run, the newest first",
        placeholder=MISSING,
    )
    chosen = [ids[row] for row in event.selection.rows]
    if set(chosen) != linked:
        st.query_params["run"] = chosen
    offer_csv(rows, "runs")
    return chosen


def show_curves(view: View, rows: pd.DataFrame, chosen: Sequence[str]) -> None:
    """The logged curves of the chosen runs, or of the newest ones while none is chosen."""
    metric, x_axis, smoothing = _ask_curve(load_metric_names(view.snapshot))
    run_ids = list(chosen) or [str(run_id) for run_id in rows["run_id"].head(MAX_CURVES)]
    curves = load_curves(view, run_ids, metric)
    if curves.empty:
        st.info(f"These runs have not logged {md_escape(metric)}.", icon=":material/hourglass_empty:")
        return
    if not chosen and len(rows) > 1:
        st.caption(f"The newest {count_text(len(run_ids), 'run')}. Tick rows above to choose others.")
    runs = view.runs[view.runs["run_id"].isin(run_ids)]
    figure = plot_loss_curves(curves, runs, metric=metric, x=x_axis, smoothing=smoothing, theme=theme())
    show_chart(figure, key="loss-curves", alt=f"{metric} of {count_text(len(run_ids), 'run')}", height=480)


def _ask_curve(metric_names: Sequence[str]) -> tuple[str, XAxis, float]:
    names = sorted(metric_names, key=lambda name: (name != "train_loss", name != "eval_loss", name))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metric = st.selectbox("Curve", names or ["train_loss"], key="curve", bind="query-params", width=220)
        x_axis = st.segmented_control(
            "Against", list(X_AXES), default="Steps", required=True, key="x", bind="query-params"
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            0.0,
            0.01,
            key="smooth",
            bind="query-params",
            width=220,
            help="Weight of the past in a debiased moving average; the raw curve stays visible behind it.",
        )
    return metric or "train_loss", X_AXES.get(x_axis or "Steps", "step"), smoothing


def show_configurations(runs: pd.DataFrame, chosen: Sequence[str]) -> None:
    """The whole configuration of one run, or where several differ."""
    picked = runs[runs["run_id"].isin(list(chosen))]
    if picked.empty:
        st.caption("Tick one run for its whole configuration, several for where they differ.")
    elif len(picked) == 1:
        show_table(configuration_table(picked.iloc[0]), name="configuration", alt="Configuration of the chosen run")
    else:
        difference = diff_configs(picked)
        if difference.empty:
            st.caption("The chosen runs have the same configuration.")
        else:
            named = name_columns(difference, picked)
            show_table(named, name="config-diff", alt="Settings in which the chosen runs differ")


def name_columns(difference: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The differing settings as text, one column per run under its name where the names tell the runs apart."""
    names = [str(name) for name in runs["name"].fillna(runs["run_id"])]
    columns = names if len({*names, "key"}) == len(names) + 1 else list(difference.columns[1:])
    text = difference.map(lambda value: MISSING if value is None else str(value))
    return text.set_axis(["setting", *columns], axis="columns")


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
