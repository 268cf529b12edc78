"""How does the best learning rate grow with the batch size, and does one power law fit?"""

from __future__ import annotations

import streamlit as st

from analysis.scaling.batch_scaling import compute_batch_scaling
from analysis.scaling.lr_scaling import find_lr_axes
from pages._batch_scaling_across import show_across
from pages._batch_scaling_collapse import show_collapse
from pages._batch_scaling_law import (
    ask_batch_axis,
    ask_setting,
    n_batch_sizes,
    show_law,
    show_left_out,
    show_scaling_chart,
    show_settings,
)
from pages._charts import show_warnings
from pages._data import analyse
from pages._text import md_escape
from pages._view import current_view

view = current_view()
setting = ask_setting(view)
found = analyse(view, compute_batch_scaling, setting=setting or None, batch_axis=ask_batch_axis(view))
st.subheader(md_escape(found.headline))
st.markdown(md_escape(found.context))
compares = n_batch_sizes(found) > 1
if compares:
    show_law(found)
    show_scaling_chart(found)
show_warnings(found.warnings)
if compares:
    show_settings(found)
show_left_out(found)
if compares:
    st.subheader("Collapse")
    show_collapse(found)
axes = analyse(view, find_lr_axes)
if axes:
    st.subheader("Across models and ranks")
    show_across(view, axes, setting)
