"""The decision on top of a ranking: who won, how sure that is, what the winner is honestly worth, what is as good."""

from __future__ import annotations

import streamlit as st

from analysis.ranking.sentences import cheaper_text, decision_cards, winner_name
from analysis.ranking.types import ConfigScore, Ranking
from analysis.wording.voices import MARKDOWN
from pages._text import md_escape


def show_winner(ranking: Ranking, winner: ConfigScore) -> None:
    """The winner, its numbers as cards, and what to do next."""
    st.markdown(f"### :material/trophy: {md_escape(winner_name(winner))}")
    with st.grid("auto", min_column_width=150, gap="small"):
        for card in decision_cards(ranking, winner):
            st.metric(
                card.name,
                card.value,
                card.remark,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=card.meaning,
            )
    cheaper = cheaper_text(ranking, MARKDOWN)
    if cheaper:
        st.markdown(f":material/savings: {cheaper}")
    if ranking.validation_advice:
        st.markdown(f":material/science: {md_escape(ranking.validation_advice.text)}")
    with st.expander("How this was decided", type="compact"):
        st.markdown(md_escape(ranking.rule))
        st.markdown(md_escape(f"Honest score: {ranking.correction_method}."))
