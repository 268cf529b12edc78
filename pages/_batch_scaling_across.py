"""Across models and ranks, on the Batch scaling page: optimal learning rate against width, rank or parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.lr_scaling import plot_lr_scaling
from analysis.scaling.lr_scaling import LrScaling, compute_lr_scaling
from pages._charts import show_chart, show_warnings, theme
from pages._data import analyse
from pages._pictures import picture
from pages._tables import show_table
from pages._text import count_text, md_escape
from pages._view import View

_NAMES: Final = {"hidden_size": "width of the model", "lora_rank": "LoRA rank", "params": "parameters"}


def show_across(view: View, axes: Sequence[str], setting: tuple[str, ...]) -> None:
    """The law against one of the axes that the runs vary in."""
    against = str(
        st.segmented_control(
            "Against",
            list(axes),
            default=axes[0],
            required=True,
            format_func=_axis_name,
            key="scale-against",
            bind="query-params",
        )
    )
    wanted = tuple(key for key in setting if key not in (against, "model"))
    found = analyse(view, compute_lr_scaling, against=against, setting=wanted or None)
    st.markdown(md_escape(found.verdict))
    show_chart(
        picture(plot_lr_scaling, found, theme=theme()),
        key="lr-scaling",
        alt=f"Optimal learning rate against {against}. {found.verdict}",
        height=460,
        table=across_table(found),
    )
    show_warnings(found.warnings)
    if found.families and found.by_model:
        show_table(family_table(found), name="lr-scaling-families", alt="One row per family of models")
    if found.models_left_out:
        with st.expander(f"Left out: {count_text(len(found.models_left_out), 'model')}", icon=":material/rule:"):
            table = pd.DataFrame(found.models_left_out, columns=["model", "reason"])
            show_table(table, name="lr-scaling-left-out", alt="One row per model without an optimum or a number")


def _axis_name(axis: str) -> str:
    return _NAMES.get(axis, axis)


def across_table(found: LrScaling) -> pd.DataFrame:
    """One row per optimum in the chart."""
    return pd.DataFrame(
        [{"setting": one.label, **point.to_json(found.against)} for one in found.settings for point in one.points]
    )


def family_table(found: LrScaling) -> pd.DataFrame:
    """One row per family: its own exponent and the published one."""
    return pd.DataFrame(
        [
            {
                "family": one.family,
                "exponent": one.law.alpha,
                "interval_low": one.law.interval[0] if one.law.interval else None,
                "interval_high": one.law.interval[1] if one.law.interval else None,
                "n_models": one.n_models,
                "published_exponent": one.published,
            }
            for one in found.families
        ]
    )
