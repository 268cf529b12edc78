"""Search progress on a page: how near the best each strategy was, after what it had spent."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.search_progress import plot_search_progress
from analysis.runs.configuration import read_configurations
from analysis.search.progress import STRATEGY_KEYS, compute_search_progress
from analysis.search.types import Cost, SearchCurve
from pages._charts import show_chart, show_warnings, theme
from pages._data import analyse
from pages._groups import choose_group
from pages._pictures import picture
from pages._tables import show_table
from pages._text import md_escape
from pages._view import View

AUTOMATIC: Final = "Automatic"
COSTS: Final[dict[str, Cost | None]] = {
    AUTOMATIC: None,
    "Tokens": "tokens_seen",
    "Seconds": "wall_s",
    "Runs": "evaluations",
}


def show_search(view: View) -> None:
    """The searches of one comparable group."""
    with st.container(horizontal=True):
        names = list(COSTS)
        cost = st.segmented_control("Cost", names, default=AUTOMATIC, required=True, key="cost", bind="query-params")
        keys = [key for key in (*STRATEGY_KEYS, "source", "group") if _varies(view.runs, key)]
        by = st.selectbox("Strategies differ in", [AUTOMATIC, *keys], key="by", bind="query-params") if keys else None
    found = analyse(
        view, compute_search_progress, by=None if by in (None, AUTOMATIC) else by, cost=COSTS[cost or AUTOMATIC]
    )
    label = choose_group(list(dict.fromkeys(curve.label for curve in found.curves)))
    curves = [curve for curve in found.curves if curve.label == label]
    if not any(curve.steps for curve in curves) or sum(curve.n_runs for curve in curves) < 2:
        st.info(
            "Search progress needs two runs that ended, one of them with a value.", icon=":material/hourglass_empty:"
        )
        return
    st.markdown(
        "After each run: how far the configuration that looked best by then really is from the best of all "
        f"({md_escape(view.metric)}, by all its runs). Runs that failed or diverged cost as well."
    )
    show_warnings(found.warnings)
    show_chart(
        picture(plot_search_progress, curves, metric=view.metric, cost=found.cost, theme=theme()),
        key="search-chart",
        alt=f"Regret in {view.metric} against {found.cost}, {len(curves)} strategies",
        height=460,
        table=step_table(curves, found.cost),
    )
    show_table(
        search_table(curves, found.cost),
        name="search",
        alt="One row per strategy",
        columns={
            "normalised_regret": st.column_config.NumberColumn(
                format="percent", help="of the distance between the best and the worst configuration"
            ),
            "area": st.column_config.NumberColumn(
                format="percent", help="mean normalised regret over the costs that all strategies share, log scale"
            ),
        },
    )


def _varies(runs: pd.DataFrame, key: str) -> bool:
    return len(set(read_configurations(runs).get(key, ()))) > 1


def search_table(curves: list[SearchCurve], cost: str) -> pd.DataFrame:
    """One row per strategy."""
    return pd.DataFrame(
        [
            {
                "strategy": curve.strategy,
                "n_searches": curve.n_searches,
                "n_runs": curve.n_runs,
                cost: curve.total_cost,
                "final_regret": curve.final_regret,
                "normalised_regret": curve.normalised_regret,
                "area": curve.area,
            }
            for curve in curves
        ]
    )


def step_table(curves: list[SearchCurve], cost: str) -> pd.DataFrame:
    """One row per change of a curve."""
    return pd.DataFrame(
        [
            {
                "strategy": curve.strategy,
                cost: step.cost,
                "regret": step.regret,
                "low": step.low,
                "high": step.high,
                "run_id": step.run_id,
            }
            for curve in curves
            for step in curve.steps
        ]
    )
