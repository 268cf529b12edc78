"""Every trial as a line through its hyperparameters, and the choice of the comparable group that all sections share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from analysis.figures.parallel_coordinates import plot_parallel_coordinates
from analysis.importance.trial_table import TrialTable, make_trial_tables
from pages._charts import show_chart, theme
from pages._data import analyse
from pages._groups import choose_group
from pages._pictures import picture
from pages._tables import show_table
from pages._text import count_text, md_escape
from pages._view import View

FEW_AXES: Final = 4
"""More axes than this are chosen by hand: beside each other they can no longer be read."""


def load_tables(view: View) -> list[TrialTable]:
    """One table per group of runs that compare."""
    return analyse(view, make_trial_tables)


def show_trials(view: View) -> None:
    """The trials of one comparable group: lines to drag along, and the table."""
    tables = load_tables(view)
    label = choose_group([table.label for table in tables])
    table = next((table for table in tables if table.label == label), None)
    if table is None:
        st.info("No finished or diverged run is in view yet.", icon=":material/hourglass_empty:")
        return
    n_diverged = sum(value != value for value in table.values)
    diverged = f", {n_diverged:,} of them diverged (orange)" if n_diverged else ""
    st.markdown(
        f"{count_text(len(table.trial_keys), 'trial')}{diverged}. A line is one trial, its end the mean "
        f"{md_escape(view.metric)} over its seeds; the darker, the better. Drag along an axis to keep only the lines "
        "through that part."
    )
    axes = _choose_axes(table)
    figure = picture(
        plot_parallel_coordinates, _with_axes(table, axes), metric=view.metric, direction=view.direction, theme=theme()
    )
    alt = f"{view.metric} of {len(table.trial_keys)} trials against {', '.join(axes) or 'nothing that varies'}"
    show_chart(figure, key="trials-chart", alt=alt, height=480)
    show_table(table.to_frame(view.metric), name="trials", alt="One row per trial")


def _choose_axes(table: TrialTable) -> list[str]:
    names = [axis.key for axis in table.axes]
    if len(names) <= FEW_AXES:
        return names
    return st.multiselect("Axes", names, default=names[:FEW_AXES], key=f"axes-{table.label}")


def _with_axes(table: TrialTable, names: Sequence[str]) -> TrialTable:
    axes = {axis.key: axis for axis in table.axes}
    return TrialTable(
        group=table.group,
        label=table.label,
        axes=tuple(axes[name] for name in names),
        trial_keys=table.trial_keys,
        values=table.values,
        n_runs=table.n_runs,
        run_ids=table.run_ids,
    )
