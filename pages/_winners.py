"""The winners of many comparable groups as one table, where showing every ranking in full would be too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from analysis.ranking.tables import winner_table
from analysis.ranking.types import Ranking
from pages._tables import show_table

MAX_GROUPS: Final = 6
"""Comparable groups that are shown in full; of more, one at a time, below a table of all winners."""


def show_winners(rankings: Sequence[Ranking], metric: str) -> None:
    """One row per comparable group: which configuration won it, and how sure that is."""
    show_table(
        winner_table(rankings, metric),
        name="winners",
        alt="One row per group of runs whose values compare, with its winner",
        probabilities=("p_best",),
        columns={
            "group": st.column_config.TextColumn(pinned=True),
            f"mean_{metric}": st.column_config.NumberColumn(format="%.4f", help="the winner's mean over its runs"),
            "p_best": st.column_config.NumberColumn(format="percent", help="probability that its true mean is best"),
            "not_told_from_it": st.column_config.NumberColumn(help="configurations; none without replicates"),
        },
    )
