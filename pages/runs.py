"""Every run with its configuration, its loss curve, and where configurations differ."""

from __future__ import annotations

import streamlit as st

from pages._data import load_run_table
from pages._run_parts import choose_runs, show_configurations, show_curves, show_shared
from pages._view import current_view

view = current_view()
table = load_run_table(view)
show_shared(table.shared)
chosen = choose_runs(table.rows, view.metric)
st.subheader("Loss curves")
show_curves(view, table.rows, chosen)
st.subheader("Configuration")
show_configurations(view.runs, chosen)
