"""How much of each source arrived, as a table with the verdicts in colour."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pages._tables import show_table, status_badges

VERDICT_COLORS: Final = {"complete": "green", "unverified": "blue", "partial": "orange", "quarantined": "red"}
_MEANINGS: Final = (
    "complete: everything is in. unverified: all that is there was taken, but nothing says that this is all. "
    "partial: something is known to be missing. quarantined: nothing was taken."
)
_COLUMNS: Final = ("source", "verdict", "rows_got", "rows_expected", "lost_records", "n_redacted", "reason")


def show_verdicts(sources: pd.DataFrame, *, name: str) -> None:
    """Shows one row per source, those that are not complete first.

    Needs columns: `source`, `verdict`; shown where they are there: `rows_got`, `rows_expected`, `lost_records`,
    `n_redacted`, `reason`.
    """
    order = list(VERDICT_COLORS)
    ranked = sources.assign(_rank=[-order.index(verdict) for verdict in sources["verdict"]])
    shown = ranked.sort_values("_rank", kind="stable")[[each for each in _COLUMNS if each in sources.columns]]
    show_table(
        shown.assign(verdict=status_badges(shown["verdict"])),
        name=name,
        alt="One row per source: how much of it arrived, and why not all",
        columns={
            "source": st.column_config.TextColumn(pinned=True),
            "verdict": st.column_config.MultiselectColumn(
                help=_MEANINGS, options=order, color=list(VERDICT_COLORS.values()), width="small"
            ),
            "rows_got": st.column_config.NumberColumn("rows", help="logged rows that arrived", format="localized"),
            "rows_expected": st.column_config.NumberColumn(
                "expected", help="logged rows that the source says it has", format="localized"
            ),
            "lost_records": st.column_config.NumberColumn("lost", help="records known to be lost", format="localized"),
            "n_redacted": st.column_config.NumberColumn("secrets", help="secrets that were left out"),
            "reason": st.column_config.TextColumn(width="large"),
        },
    )
