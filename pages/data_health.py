"""Which runs count, why the others do not, and what is wrong with the data?"""

from __future__ import annotations

import streamlit as st

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
with st.spinner("Looking through every value …"):
    report = load_health(view)
show_counts(report)
show_findings(report)
show_imports(view.snapshot.imports())
show_excluded(report)
show_coverage(report)
show_groups(report)
show_agreements(view.snapshot.agreements.all)
