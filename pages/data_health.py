"""Which runs count, why the others do not, and what is wrong with the data?"""

from __future__ import annotations

import streamlit as st

from analysis.health.check import count_runs
from pages._data import analyse
from pages._data_health_parts import (
    show_agreements,
    show_counts,
    show_coverage,
    show_excluded,
    show_findings,
    show_groups,
    show_imports,
)
from pages._data_health_read import load_health
from pages._view import current_view

view = current_view()
runs = analyse(view, count_runs)
cards = st.empty()
with cards.container():
    show_counts(runs, is_checked=False)
findings = st.container()
show_imports(view.snapshot.imports())
show_excluded(runs)
coverage = st.container()
show_groups(runs)
show_agreements(view.snapshot.agreements.all)
with findings, st.spinner("Looking through every value …"):
    report = load_health(view)
with cards.container():
    show_counts(report)
with findings:
    show_findings(report)
with coverage:
    show_coverage(report)
