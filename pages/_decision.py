"""The decision on top of a ranking: who won, how sure that is, what the winner is honestly worth, what is as good."""

from __future__ import annotations

import streamlit as st

from analysis.number_format import format_value
from analysis.ranking.rank import ConfigScore, Ranking
from pages._text import MISSING, md_escape


def show_winner(ranking: Ranking, winner: ConfigScore) -> None:
    """The winner, its numbers as cards, and what to do next."""
    n_equal = None if ranking.indistinguishable is None else len(ranking.indistinguishable) - 1
    name = md_escape(winner.name) if winner.config else "The only configuration"
    st.markdown(f"### :material/trophy: {name}")
    with st.grid("auto", min_column_width=150, gap="small"):
        _card("Mean", format_value(winner.mean, winner.se), _spread_text(winner))
        _card("Honest score", format_value(ranking.corrected_mean, winner.se), _honest_text(ranking, winner))
        _card(
            "Probability it is best",
            MISSING if ranking.p_best is None else f"{ranking.p_best:.0%}",
            _seeds_text(ranking),
        )
        _card(
            "Not told from it",
            MISSING if n_equal is None else f"{n_equal:,}",
            "needs replicates" if n_equal is None else "configuration" if n_equal == 1 else "configurations",
        )
    for sentence in _next_sentences(ranking):
        st.markdown(sentence)
    with st.expander("How this was decided", type="compact"):
        st.markdown(md_escape(ranking.rule))
        st.markdown(md_escape(f"Honest score: {ranking.correction_method}."))


def _next_sentences(ranking: Ranking) -> list[str]:
    """The cheapest of the equals, and how to settle who is best, as Markdown."""
    sentences = []
    winner = ranking.winner.trial_key if ranking.winner else None
    if ranking.one_se_choice != winner:
        cheapest = next(score for score in ranking.ranking if score.trial_key == ranking.one_se_choice)
        sentences.append(
            f":material/savings: As good within one standard error and cheaper: **{md_escape(cheapest.name)}** "
            f"({md_escape(ranking.one_se_order)})."
        )
    if ranking.validation_advice:
        sentences.append(f":material/science: {md_escape(ranking.validation_advice.text)}")
    return sentences


def _spread_text(winner: ConfigScore) -> str:
    if winner.se is None:
        return "unreplicated"
    return f"± {format_value(winner.se, winner.se)} (se), n = {winner.n}"


def _seeds_text(ranking: Ranking) -> str:
    if ranking.winner is None or ranking.p_best is None:
        return "needs replicates"
    if ranking.winner.n == 1:
        return "noise of others"
    return "shared seeds" if ranking.is_paired else "own seeds"


def _honest_text(ranking: Ranking, winner: ConfigScore) -> str:
    if ranking.corrected_mean is None:
        return "needs replicates"
    if ranking.held_out_mean is None:
        return "corrected for luck"
    return f"held out {format_value(ranking.held_out_mean, winner.se)}"


def _card(name: str, value: str, remark: str) -> None:
    st.metric(name, value, remark, delta_color="off", delta_arrow="off", border=True)
