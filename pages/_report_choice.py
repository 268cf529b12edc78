"""What goes into the report: sweeps, sections, title and notes; metric and filters are the sidebar's."""

from __future__ import annotations

import streamlit as st

from analysis.reports.order import SECTIONS, ReportOrder, read_sections
from pages._filters import sweep_ids
from pages._text import md_escape
from pages._view import View

_TITLES = {title: key for key, title in SECTIONS.items()}


def ask_order(view: View) -> ReportOrder:
    """The report that the reader asks for."""
    sweeps = st.multiselect(
        "Sweeps",
        sweep_ids(view.runs),
        key="report_sweeps",
        bind="query-params",
        placeholder="every run in view",
        help="Runs of several sweeps stand in one report; those whose losses do not compare are ranked apart.",
    )
    sections = st.multiselect(
        "Sections", list(_TITLES), key="report_sections", bind="query-params", placeholder="all, in reading order"
    )
    title = st.text_input("Title", key="report_title", max_chars=200, placeholder="Recipe review: …")
    notes = st.text_area(
        "Reviewer's notes",
        key="report_notes",
        max_chars=20_000,
        placeholder="What was discussed, what was decided, what is open.",
        help="Plain text; a blank line starts a paragraph. It becomes the report's last section.",
    )
    if view.where:
        conditions = ", ".join(md_escape(condition) for condition in view.where)
        st.caption(f":material/filter_alt: Of the runs in view: {conditions}.")
    return ReportOrder(
        title=title.strip() or None,
        sweeps=tuple(sweeps),
        where=tuple(str(condition) for condition in view.where),
        metric=view.metric,
        direction=view.direction,
        sections=read_sections([_TITLES[name] for name in sections]),
        notes=notes,
    )
