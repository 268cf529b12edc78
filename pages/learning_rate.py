"""Which learning rate is best, is it bracketed, and what would the recommended one cost?"""

from __future__ import annotations

import streamlit as st

from analysis.figures.lr_curve import MOST_NAMED, plot_lr_curves
from analysis.lr_curves.tables import curve_table, point_table
from pages._charts import show_chart, theme
from pages._curves import ask_groups, ask_range, curve_columns, most_trained, show_curve_card
from pages._data import load_group_keys, load_lr_curves
from pages._launch_start import follow_curve
from pages._pictures import picture
from pages._regret import show_rule_regret
from pages._tables import show_table
from pages._view import current_view

MAX_CARDS = 8  # more curves than this are compared in a table instead of one card each
MAX_DRAWN = 24  # more lines than this cannot be told apart

view = current_view()
groups = ask_groups(load_group_keys(view))
curves = load_lr_curves(view, groups)
follow_curve(view, curves)
if not curves:
    st.info("No run with a learning rate is in view yet.", icon=":material/hourglass_empty:")
else:
    drawn = most_trained(curves, MAX_DRAWN)
    if len(drawn) < len(curves):
        st.caption(
            f"Drawn are the {MAX_DRAWN} curves with the most runs; the table has all {len(curves):,}. "
            "Filter in the sidebar to draw others."
        )
    if len(drawn) > MOST_NAMED:
        st.caption("Point at a line for the curve that it is; the table below names all.")
    show_chart(
        picture(plot_lr_curves, drawn, theme=theme()),
        key="lr-chart",
        alt=f"{view.metric} against learning rate, {len(drawn)} curves",
        height=520,
        y_range=ask_range(drawn),
        table=point_table(curves),
    )
    if len(curves) <= MAX_CARDS:
        with st.grid(min(2, len(curves)), min_column_width=380, gap="medium"):
            for curve in curves:
                show_curve_card(curve)
    else:
        columns = curve_columns(view.metric)
        show_table(curve_table(curves), name="lr-curves", alt="One row per curve", columns=columns)
    with st.expander("Regret of the recommended or any other learning rate", icon=":material/balance:"):
        show_rule_regret(view, groups)
    with st.expander("Every point", icon=":material/table_rows:"):
        points = point_table(curves)
        columns = curve_columns(view.metric)
        show_table(points, name="lr-points", alt="One row per curve and learning rate", columns=columns)
