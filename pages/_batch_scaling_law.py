"""The law on the Batch scaling page: what to compare, the numbers, the chart, and what each setting says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.figures.batch_scaling import plot_batch_scaling
from analysis.scaling.batch_scaling import BatchScaling
from analysis.scaling.sentences import method_sentences
from analysis.scaling.tables import left_out_table, point_table, setting_table
from analysis.scaling.verdict import format_exponent, number_text, range_text
from pages._cards import show_card
from pages._charts import show_chart, theme
from pages._data import load_group_keys
from pages._pictures import picture
from pages._tables import show_table
from pages._text import MISSING, count_text, md_escape
from pages._view import View

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

_MEANINGS: Final = {
    "exponent": "ln lr\\* = intercept of the setting + α ln B, weighted by 1 / (se² + τ²) with τ² after DerSimonian "
    "and Laird (1986); 95 % interval cluster-robust over settings, with one or two settings after Knapp and Hartung "
    "(2003). 1/2 is the square-root rule, 1 the linear one. More in docs/statistics/batch-scaling.md.",
    "optima": "One optimum per setting and batch size: that of its U-curve's fit, or the best learning rate tried, "
    "with the grid's rounding error (spacing / √12).",
    "left out": "Curves without an optimum inside their grid: at an edge, flat, too few learning rates, or alone in "
    "their setting.",
    "break": "Two slopes that meet at one batch size, below → above; better where AIC agrees and p < 0.05 against data "
    "sets simulated under one law, so that the search for the break is paid for (Davies 1987).",
}

_AXES: Final = {"batch_size": "sequences", "batch_tokens": "trained tokens"}


def ask_setting(view: View) -> tuple[str, ...]:
    """What makes a setting of its own; empty means everything that varies. Lives in the address bar."""
    keys = [key for key in load_group_keys(view) if key not in _AXES]
    return tuple(
        st.multiselect(
            "One intercept per",
            keys,
            key="setting",
            bind="query-params",
            placeholder="everything that varies (automatic)",
            help="Every setting has a height of its own and all share the exponent. Automatic: everything that varies, "
            "except the batch size and what follows from it.",
        )
    )


def ask_batch_axis(view: View) -> str:
    """In which unit the batch is counted; asked only where the runs know both."""
    known = [axis for axis in _AXES if view.runs[axis].notna().any()]
    if len(known) < 2:
        return known[0] if known else "batch_size"
    chosen = st.segmented_control(
        "Batch counted in",
        known,
        default=known[0],
        required=True,
        format_func=_unit_name,
        key="batch-axis",
        bind="query-params",
    )
    return str(chosen)


def _unit_name(axis: str) -> str:
    return f"{_AXES[axis]} per step"


def n_batch_sizes(found: BatchScaling) -> int:
    """How many batch sizes have an optimum or a bound of one: with one alone there is nothing to draw or compare."""
    places = {point.x for one in found.settings for point in one.points}
    return len(places | {one.x for one in found.left_out if one.bound and one.x})


def show_law(found: BatchScaling) -> None:
    """The exponent, its rules and the break as large numbers."""
    law, hinge = found.law, found.hinge
    alpha = MISSING if law.alpha is None else format_exponent(law.alpha)
    interval = f"95 % {range_text(law.interval)}" if law.interval else "no interval"
    with st.grid(4, min_column_width=160, gap="small"):
        remark = interval if law.alpha is not None else None
        show_card("Exponent (one law)", alpha, remark, meaning=_MEANINGS["exponent"])
        n_places = len({point.x for one in found.settings for point in one.points})
        places = f"at {count_text(n_places, 'batch size')}"
        show_card("Optima in the fit", f"{law.n_points:,}", places, meaning=_MEANINGS["optima"])
        left_out = "reasons below" if found.left_out else "nothing"
        show_card("Left out", f"{len(found.left_out):,}", left_out, meaning=_MEANINGS["left out"])
        if hinge.alpha_below is not None and hinge.alpha_above is not None and hinge.break_batch_size is not None:
            slopes = f"{format_exponent(hinge.alpha_below)} → {format_exponent(hinge.alpha_above)}"
            better = "better than one law" if hinge.is_better else "no better than one law"
            name = f"Break at {number_text(hinge.break_batch_size)}"
            show_card(name, slopes, better, meaning=_MEANINGS["break"])
    with st.expander("How these numbers were found", type="compact"):
        st.markdown("\n\n".join(map(md_escape, method_sentences(found))))


def show_scaling_chart(found: BatchScaling) -> None:
    """Optimal learning rate against batch size."""
    show_chart(
        picture(plot_batch_scaling, found, theme=theme()),
        key="batch-scaling",
        alt=f"Optimal learning rate against {found.batch_axis}. {found.headline}",
        height=480,
        table=point_table(found),
    )


def show_settings(found: BatchScaling) -> None:
    """One row per setting with its own exponent."""
    if found.settings:
        show_table(
            setting_table(found),
            name="batch-scaling-settings",
            alt="One row per setting with its own exponent",
            columns=_COLUMNS,
        )


def show_left_out(found: BatchScaling) -> None:
    """What was left out, with the reasons."""
    if found.left_out:
        with st.expander(f"Left out: {count_text(len(found.left_out), 'curve')}", icon=":material/rule:"):
            table = left_out_table(found.left_out, found.batch_axis)
            show_table(table, name="batch-scaling-left-out", alt="One row per curve without an optimum")


_COLUMNS: Final[dict[str, ColumnConfig | str | None]] = {
    "setting": st.column_config.TextColumn(pinned=True),
    "exponent": st.column_config.NumberColumn(format="%.2f", help="of this setting alone"),
    "interval_low": st.column_config.NumberColumn(format="%.2f", help="95 %, none with fewer than four batch sizes"),
    "interval_high": st.column_config.NumberColumn(format="%.2f", help="95 %, likewise"),
    "n_points": st.column_config.NumberColumn(help="batch sizes with an optimum inside the grid"),
}
