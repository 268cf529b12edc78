"""Which hyperparameters matter, what does a better loss cost, and how fast was it found?"""

from __future__ import annotations

import streamlit as st

from pages._view import current_view
from pages._what_matters_importance import show_importance
from pages._what_matters_search import show_search
from pages._what_matters_tradeoff import show_tradeoff
from pages._what_matters_trials import show_trials

SECTIONS = {
    "Importance": show_importance,
    "Every trial": show_trials,
    "Trade-offs": show_tradeoff,
    "Search progress": show_search,
}

view = current_view()
section = st.segmented_control(
    "Section",
    list(SECTIONS),
    default="Importance",
    required=True,
    key="section",
    bind="query-params",
    label_visibility="collapsed",
)
SECTIONS[section or "Importance"](view)
