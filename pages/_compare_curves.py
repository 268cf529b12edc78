"""The curves of the page Compare runs, one chart per metric, forks under their parents."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from analysis.figures.loss_curves import plot_loss_curves
from analysis.runs.lineage import place_forks, trace_descent
from pages._charts import show_chart, theme
from pages._compare_choice import CurveOptions, run_names
from pages._data import load_curves
from pages._pictures import picture
from pages._text import count_text, join_text, md_escape
from pages._view import View


def show_curves(view: View, chosen: Sequence[str], options: CurveOptions) -> None:
    """One chart per metric; a parent that nobody chose is drawn up to the fork."""
    descents = trace_descent(view.all_runs, chosen)
    run_ids = [descent.run_id for descent in descents]
    runs = view.all_runs[view.all_runs["run_id"].isin(run_ids)]
    parents = [run_id for run_id in run_ids if run_id not in set(chosen)]
    if parents:
        names = run_names(runs)
        st.caption(f"Drawn up to the fork: {md_escape(join_text([names[run_id] for run_id in parents]))}.")
    for metric in options.metrics:
        curves = place_forks(load_curves(view, run_ids, metric), descents, runs)
        if curves.empty:
            st.info(f"These runs have not logged {md_escape(metric)}.", icon=":material/hourglass_empty:")
            continue
        figure = picture(
            plot_loss_curves,
            curves,
            runs,
            metric=metric,
            x=options.x,
            smoothing=options.smoothing,
            log_y=options.log_y,
            descents=descents,
            theme=theme(),
        )
        show_chart(
            figure,
            key=f"curves-{metric}",
            alt=f"{metric} of {count_text(len(run_ids), 'run')}",
            height=480 if len(options.metrics) == 1 else 360,
            table=curves.assign(metric=metric),
        )
