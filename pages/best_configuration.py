"""Which configuration won, how sure is that, and which others cannot be told from it?"""

from __future__ import annotations

import streamlit as st

from analysis.ranking.rank import rank_configurations
from pages._benchmark_choice import show_choice_line
from pages._benchmark_report import load_choice
from pages._data import analyse
from pages._groups import choose_group
from pages._ranking_options import ask_ranking_options, show_nothing_left
from pages._rankings import show_ranking
from pages._recipe_download import show_recipe
from pages._text import md_escape
from pages._view import current_view
from pages._winners import MAX_GROUPS, show_winners

view = current_view()
options = ask_ranking_options(view)
best = analyse(view, rank_configurations, **options)
if not best.comparable:
    st.info(md_escape(best.overall.rule), icon=":material/call_split:")
shown = list(best.groups)
if len(best.groups) > MAX_GROUPS:
    show_winners(best.groups, view.metric)
    chosen = choose_group([ranking.label for ranking in best.groups])
    shown = [ranking for ranking in best.groups if ranking.label == chosen]
for ranking in shown:
    show_ranking(ranking, view, heading=not best.comparable)
    if ranking.winner is not None:
        show_recipe(ranking, ranking.winner, view, name="recipe" if best.comparable else f"recipe-{ranking.label}")
if not best.groups:
    show_nothing_left(best.overall)
show_choice_line(load_choice(view))
