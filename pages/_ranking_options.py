"""What a configuration must keep to be chosen, and among which others: the controls of the page Best configuration."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

import pandas as pd
import streamlit as st

from analysis.ranking.measures import read_measures
from analysis.ranking.rank import Ranking
from pages._data import load_group_keys
from pages._text import md_escape
from pages._view import View

CHEAPEST: Final[Mapping[str, str]] = {
    "Trained tokens": "tokens",
    "Time": "time",
    "Memory": "memory",
    "LoRA rank": "rank",
}
NO_LIMIT: Final = "any"


def ask_ranking_options(view: View) -> dict[str, Hashable]:
    """Draw the controls; return the options of `rank_configurations`. All live in the address bar.

    Raises:
        FilterError: a typed constraint cannot be read.
    """
    with st.expander("Constraints and groups", icon=":material/tune:"):
        constraints = (*_ask_limits(view.runs), *_ask_constraints())
        with st.grid(3, min_column_width=200, gap="small", vertical_alignment="bottom"):
            groups = st.multiselect(
                "Compete only inside one",
                load_group_keys(view),
                key="compete",
                bind="query-params",
                placeholder="model, data and budget (always)",
                help="Configurations with different values of these keys get rankings of their own.",
            )
            failures = st.slider(
                "Diverged runs allowed",
                0,
                100,
                0,
                5,
                format="%d %%",
                key="failures",
                bind="query-params",
                help="Largest share of a configuration's runs that may have diverged; its mean is that of the rest.",
            )
            cheapest = st.selectbox("Cheapest by", list(CHEAPEST), key="cheapest", bind="query-params")
    return {
        "constraints": constraints,
        "measures": read_measures(view.snapshot, constraints, view.metric) if constraints else (),
        "group_by": tuple(groups),
        "max_failure_rate": failures / 100,
        "cheapest_by": CHEAPEST.get(cheapest or "", "tokens"),
    }


def show_nothing_left(overall: Ranking) -> None:
    """There is nothing to rank."""
    st.info(md_escape(overall.rule), icon=":material/hourglass_empty:")


def _ask_limits(runs: pd.DataFrame) -> list[str]:
    """Upper limits on what runs are known to have used; only of what varies or was measured."""
    limits = []
    with st.grid(3, min_column_width=200, gap="small"):
        ranks = [str(rank) for rank in sorted({int(rank) for rank in runs["lora_rank"].dropna()})]
        if len(ranks) > 1:
            rank = st.selectbox("LoRA rank at most", [NO_LIMIT, *ranks], key="max-rank", bind="query-params")
            limits += [f"lora_rank<={rank}"] if rank not in (NO_LIMIT, None) else []
        if runs["peak_memory_bytes"].notna().any():
            gib = st.number_input(
                "Memory at most (GiB)", 0.0, value=None, key="max-gib", bind="query-params", placeholder=NO_LIMIT
            )
            limits += [f"peak_memory_bytes<={gib}GiB"] if gib is not None else []
        if runs["wall_s"].notna().any():
            minutes = st.number_input(
                "Time at most (min)", 0.0, value=None, key="max-min", bind="query-params", placeholder=NO_LIMIT
            )
            limits += [f"wall_s<={minutes}min"] if minutes is not None else []
    return limits


def _ask_constraints() -> list[str]:
    return st.multiselect(
        "Further constraints",
        [],
        key="constraint",
        bind="query-params",
        accept_new_options=True,
        placeholder="learning_rate<=1e-3",
        help=(
            "Written like a filter, with units where you like: `wall_s<1h`. Any column, configuration key or logged "
            "metric works. A configuration competes when every one of its runs keeps them all."
        ),
    )
