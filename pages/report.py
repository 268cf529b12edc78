"""What leaves for the recipe review? Choose sweeps, sections and notes, look at the report, download it."""

from __future__ import annotations

from pages._report_choice import ask_order
from pages._report_preview import show_report
from pages._view import current_view

view = current_view()
show_report(view, ask_order(view))
