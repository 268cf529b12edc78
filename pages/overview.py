"""What was trained, what runs now, and how did the newest sweep come out?"""

from __future__ import annotations

import streamlit as st

from pages._data import load_sweeps
from pages._decision_line import show_decision
from pages._progress import show_progress
from pages._sweeps import show_counts, show_newest_sweep, show_sweeps
from pages._view import current_view

view = current_view()
sweeps = load_sweeps(view)
show_decision(view, str(sweeps["sweep_id"].iloc[0]))
show_counts(view.runs)
show_progress(view)
show_newest_sweep(view, sweeps)
st.subheader("Sweeps")
show_sweeps(sweeps, view.metric)
