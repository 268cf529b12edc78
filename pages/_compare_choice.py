"""What the page Compare runs looks at: which runs, which metrics, and how their curves are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.loss_curves import XAxis
from pages._data import load_logged_metrics, load_metric_names
from pages._text import count_text
from pages._view import View

MAX_RUNS: Final = 50
"""More lines than this cannot be told apart, and no browser draws them smoothly."""
NEWEST: Final = 6
"""Runs compared before any is chosen: few enough for a legend on a phone."""
MAX_METRICS: Final = 4
MAX_OFFERED: Final = 300
"""Runs in the list to choose from; more would have to be sent after every click, and nobody scrolls so far."""

X_AXES: Final[Mapping[str, XAxis]] = {"Steps": "step", "Tokens": "tokens_seen", "Wall time": "wall_time"}


@dataclass(frozen=True)
class CurveOptions:
    """How curves are drawn: metrics from top to bottom, the x axis, the weight of the past, and the y scale."""

    metrics: tuple[str, ...]
    x: XAxis
    smoothing: float
    log_y: bool


def ask_runs(view: View) -> list[str]:
    """The ids of the chosen runs, or of the newest while none is chosen; they live in the address bar as `run`."""
    newest = view.runs.sort_values("created_at", ascending=False, kind="stable")
    in_view = {*newest["run_id"].astype(str)}
    # Bound by hand: a widget's own binding would put names into the address, and names are not for keeps.
    linked = [run_id for run_id in st.query_params.get_all("run") if run_id in in_view]
    names = run_names(newest, [*linked, *_offered(newest)])
    chosen = st.multiselect(
        "Runs",
        list(names),
        default=linked[:MAX_RUNS],
        format_func=names.__getitem__,
        key="compared",
        max_selections=MAX_RUNS,
        select_all=False,
        placeholder=f"the newest {NEWEST}; type to search",
        help=f"At most {MAX_RUNS}. Rows ticked on the page Runs come along.",
    )
    if chosen != linked:
        st.query_params["run"] = chosen
    if chosen:
        return chosen
    shown = [str(run_id) for run_id in newest["run_id"].head(NEWEST)]
    if len(newest) > 1:
        st.caption(f"The newest {count_text(len(shown), 'run')}. Choose others above, or tick them on the page Runs.")
    return shown


def _offered(newest: pd.DataFrame) -> list[str]:
    """Ids of the runs to choose from: all, or of very many those that the reader looks for, the newest first."""
    if len(newest) <= MAX_OFFERED:
        return [str(run_id) for run_id in newest["run_id"]]
    text = st.text_input(
        "Find runs",
        key="find",
        bind="query-params",
        placeholder="part of a name or id",
        help=f"Of {len(newest):,} runs the list below offers the newest {MAX_OFFERED} that fit.",
    )
    names = newest["name"].fillna("").astype(str) + "\n" + newest["run_id"].astype(str)
    found = newest[names.str.contains((text or "").strip(), case=False, regex=False)]
    return [str(run_id) for run_id in found["run_id"].head(MAX_OFFERED)]


def run_names(runs: pd.DataFrame, run_ids: Sequence[str] | None = None) -> dict[str, str]:
    """Run id -> its name, with the id where the name does not tell it from those of the other runs.

    Args:
        runs: All runs.
        run_ids: Of which runs the names are wanted, in this order; None: of all.
    """
    shown = runs["name"].fillna(runs["run_id"]).astype(str)
    repeated = shown.duplicated(keep=False)
    if run_ids is not None:
        wanted = runs["run_id"].isin(run_ids)
        runs, shown, repeated = runs[wanted], shown[wanted], repeated[wanted]
    names = {
        str(run_id): f"{name} ({run_id})" if is_repeated else name
        for run_id, name, is_repeated in zip(runs["run_id"], shown, repeated, strict=True)
    }
    return names if run_ids is None else {run_id: names[run_id] for run_id in run_ids if run_id in names}


def ask_curves(view: View, run_ids: Sequence[str]) -> CurveOptions:
    """What to draw and how; all of it lives in the address bar. It starts with a metric that the runs have logged."""
    logged = load_logged_metrics(view.snapshot, run_ids)
    names = sorted(
        load_metric_names(view.snapshot),
        key=lambda name: (name not in logged, name != "train_loss", name != view.metric, name),
    )
    default = names[:1]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metrics = st.multiselect(
            "Curves",
            names,
            default=default,
            key="curve",
            bind="query-params",
            max_selections=MAX_METRICS,
            select_all=False,
            width=320,
        )
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
        log_y = st.toggle("Log scale", key="log", bind="query-params")
    chosen: Sequence[str] = metrics or default
    return CurveOptions(tuple(chosen), X_AXES.get(x_axis or "Steps", "step"), smoothing, log_y)
