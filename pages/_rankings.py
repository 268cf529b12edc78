"""A ranking on a page: the decision, its evidence, its caveats, and the configuration to copy."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analysis.figures.best_config import chart_height, plot_ranking
from analysis.figures.ranking_differences import plot_differences
from analysis.ranking.tables import ranking_table, winner_json
from analysis.ranking.texts import excluded_sentences
from analysis.ranking.types import Ranking
from pages._charts import show_chart, show_warnings, theme
from pages._decision import show_winner
from pages._pictures import picture
from pages._tables import show_table
from pages._text import md_escape
from pages._view import View

MAX_ROWS: Final = 15
"""Configurations in the chart; the table has all of them."""
_WIDE: Final = 88
"""Room for 0.000071: a column is else as wide as its first rows, which often have no spread."""


def show_ranking(ranking: Ranking, view: View, *, heading: bool) -> None:
    """Everything about one comparable group of configurations."""
    name = f"ranking-{md_escape(ranking.label)}" if heading else "ranking"
    if heading:
        st.subheader(md_escape(ranking.label))
    for sentence in excluded_sentences(ranking):
        st.caption(f":material/filter_alt: {md_escape(sentence)}")
    if ranking.winner is None:
        st.info(md_escape(ranking.rule), icon=":material/hourglass_empty:")
    else:
        show_winner(ranking, ranking.winner)
    show_warnings([warning for warning in ranking.warnings if warning != ranking.rule])
    if ranking.winner is None:
        return
    _show_charts(ranking, view, name)
    show_table(
        ranking_table(ranking, view.metric),
        name=name,
        alt="One row per configuration, best first",
        whole_percent=("failure_rate", "failure_rate_at_most"),
        probabilities=("p_best",),
        columns={
            "rank": st.column_config.NumberColumn(pinned=True, help="none where too many runs diverged"),
            f"mean_{view.metric}": st.column_config.NumberColumn(format="%.4f", help="mean over the finite runs"),
            "sd": st.column_config.NumberColumn(format="%.2g", width=_WIDE, help="standard deviation between runs"),
            "se": st.column_config.NumberColumn(format="%.2g", width=_WIDE, help="standard error of the mean"),
            "p_best": st.column_config.NumberColumn(format="percent", help="probability that its true mean is best"),
            "ranks": st.column_config.TextColumn(help="95 % interval of its rank"),
            "difference": st.column_config.NumberColumn(format="%+.3g", help="mean minus the winner's"),
            "like_the_winner": st.column_config.CheckboxColumn(help="cannot be told from the winner"),
            "within_one_se": st.column_config.CheckboxColumn(help="within one standard error of the winner"),
            "failure_rate": st.column_config.NumberColumn(format="percent", help="share of diverged runs"),
            "failure_rate_at_most": st.column_config.NumberColumn(
                format="percent", help="upper end of the 95 % Wilson interval of that share"
            ),
        },
    )
    with st.expander("The winner's whole configuration", icon=":material/content_copy:"):
        st.code(winner_json(ranking.winner, view.runs), language="json")


def _show_charts(ranking: Ranking, view: View, name: str) -> None:
    """Means with the runs behind them, and beside or below them the differences to the winner."""
    show_chart(
        picture(plot_ranking, ranking, metric=view.metric, theme=theme(), max_rows=MAX_ROWS),
        key=f"{name}-chart",
        alt=f"Mean {view.metric} per configuration, best on top",
        height=chart_height(ranking, MAX_ROWS),
    )
    if ranking.indistinguishable is not None and len(ranking.ranking) > 1:
        with st.expander("Differences to the winner", icon=":material/compare_arrows:"):
            show_chart(
                picture(plot_differences, ranking, metric=view.metric, theme=theme(), max_rows=MAX_ROWS),
                key=f"{name}-differences",
                alt=f"Difference in {view.metric} to the winner per configuration, with 95 % intervals",
                height=chart_height(ranking, MAX_ROWS),
            )
