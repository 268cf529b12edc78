"""Runs side by side: their curves, where their configurations differ, and what that came to."""

from __future__ import annotations

import streamlit as st

from analysis.store.annotations import Subject
from pages._annotations import show_annotations
from pages._compare_choice import ask_curves, ask_runs
from pages._compare_curves import show_curves
from pages._compare_tables import show_differing, show_last_values
from pages._view import current_view

view = current_view()
chosen = ask_runs(view)
options = ask_curves(view, chosen)
show_curves(view, chosen, options)
show_annotations(view, [Subject("run", run_id) for run_id in chosen], nothing_chosen="No run is chosen.")
st.subheader("Last values")
show_last_values(view, chosen, options.metrics)
st.subheader("Where the configurations differ")
show_differing(view, chosen)
