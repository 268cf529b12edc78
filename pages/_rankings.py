"""A ranking on a page: the winner and how sure that is, the chart, the table, the configuration to copy."""

from __future__ import annotations

import json
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.best_config import MAX_LINE, plot_ranking
from analysis.number_format import format_value
from analysis.ranking.rank import ConfigScore, Ranking
from pages._charts import show_chart, show_warnings, theme
from pages._tables import show_table
from pages._text import MISSING, md_escape
from pages._view import View

MAX_ROWS: Final = 15
"""Configurations in the chart; the table has all of them."""


def show_ranking(ranking: Ranking, view: View, *, heading: bool) -> None:
    """Everything about one comparable group of configurations."""
    name = f"ranking-{md_escape(ranking.label)}" if heading else "ranking"
    if heading:
        st.subheader(md_escape(ranking.label))
    if ranking.winner is None:
        st.info(md_escape(ranking.rule), icon=":material/hourglass_empty:")
    else:
        _show_winner(ranking, ranking.winner)
    show_warnings([warning for warning in ranking.warnings if warning != ranking.rule])
    if ranking.winner is None:
        return
    show_chart(
        plot_ranking(ranking, metric=view.metric, theme=theme(), max_rows=MAX_ROWS),
        key=f"{name}-chart",
        alt=f"Mean {view.metric} per configuration, best on top",
        height=chart_height(ranking),
    )
    show_table(
        ranking_table(ranking, view.metric),
        name=name,
        alt="One row per configuration, best first",
        columns={
            "rank": st.column_config.NumberColumn(pinned=True, help="none where a run diverged"),
            f"mean_{view.metric}": st.column_config.NumberColumn(format="%.4f", help="mean over the finite runs"),
            "sd": st.column_config.NumberColumn(format="%.2g", help="standard deviation between runs"),
            "se": st.column_config.NumberColumn(format="%.2g", help="standard error of the mean"),
            "p_best": st.column_config.NumberColumn(format="percent", help="probability that its true mean is best"),
            "like_the_winner": st.column_config.CheckboxColumn(help="cannot be told from the winner"),
        },
    )
    with st.expander("The winner's whole configuration", icon=":material/content_copy:"):
        st.code(winner_json(ranking.winner, view.runs), language="json")


def _show_winner(ranking: Ranking, winner: ConfigScore) -> None:
    n_equal = None if ranking.indistinguishable is None else len(ranking.indistinguishable) - 1
    name = md_escape(winner.name) if winner.config else "The only configuration"
    st.markdown(f"### :material/trophy: {name}")
    with st.grid("auto", min_column_width=150, gap="small"):
        _card("Mean", format_value(winner.mean, winner.se), _spread_text(winner))
        _card("Runs", f"{winner.n:,}", "in the mean")
        _card(
            "Probability it is best",
            MISSING if ranking.p_best is None else f"{ranking.p_best:.0%}",
            "needs replicates" if ranking.p_best is None else "from these seeds",
        )
        _card(
            "Not told from it",
            MISSING if n_equal is None else f"{n_equal:,}",
            "needs replicates" if n_equal is None else "configuration" if n_equal == 1 else "configurations",
        )
    with st.expander("How this was decided", type="compact"):
        st.markdown(md_escape(ranking.rule))


def _spread_text(winner: ConfigScore) -> str:
    return "unreplicated" if winner.se is None else f"± {format_value(winner.se, winner.se)} (se)"


def _card(name: str, value: str, remark: str) -> None:
    st.metric(name, value, remark, delta_color="off", delta_arrow="off", border=True)


def chart_height(ranking: Ranking) -> int:
    """Pixels that the chart of a ranking needs: long labels take two lines."""
    shown = ranking.ranking[:MAX_ROWS]
    row = 44 if any(len(score.name) > MAX_LINE for score in shown) else 28
    return 150 + row * max(len(shown), 2)


def ranking_table(ranking: Ranking, metric: str) -> pd.DataFrame:
    """One row per configuration, best first."""
    equal = set(ranking.indistinguishable or ())
    return pd.DataFrame(
        [
            {
                "rank": score.rank,
                **score.config,
                f"mean_{metric}": score.mean,
                "sd": score.sd,
                "se": score.se,
                "n": score.n,
                "n_diverged": score.n_diverged,
                "p_best": score.p_best,
                "like_the_winner": score.trial_key in equal if ranking.indistinguishable is not None else None,
                "trial_key": score.trial_key,
            }
            for score in ranking.ranking
        ]
    )


def winner_json(winner: ConfigScore, runs: pd.DataFrame) -> str:
    """The configuration of the winner as it was logged, without its seed."""
    logged = runs.loc[runs["trial_key"] == winner.trial_key, "config_json"].dropna()
    config = json.loads(logged.iloc[0]) if len(logged) else dict(winner.config)
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, indent=2)
