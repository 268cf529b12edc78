"""Every run, and the whole configuration of one."""

from __future__ import annotations

import streamlit as st

from analysis.store.annotations import Subject
from pages._annotations import show_annotations
from pages._data import load_run_table
from pages._run_parts import choose_runs, link_to_comparison, show_configuration, show_shared
from pages._view import current_view

view = current_view()
table = load_run_table(view)
show_shared(table.shared)
chosen = choose_runs(table.rows, view.metric, view.direction)
link_to_comparison(chosen)
show_annotations(
    view, [Subject("run", run_id) for run_id in chosen], nothing_chosen="Tick runs to tag, note or star them."
)
st.subheader("Configuration")
show_configuration(view.runs, chosen)
