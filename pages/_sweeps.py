"""The parts of the overview: counts, the newest sweep's answer, and the list of sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.lr_curve import plot_lr_curves
from analysis.figures.valley import valley_range
from analysis.lr_curves.sentences import best_tried_text
from analysis.number_format import format_share
from analysis.runs.progress import NO_SWEEP, count_statuses
from analysis.store import Condition
from analysis.store.annotations import Subject
from analysis.wording.voices import MARKDOWN
from pages._annotations import mark_sweeps, show_annotations
from pages._cards import show_card
from pages._charts import show_chart, theme
from pages._curves import marks
from pages._data import load_lr_curves
from pages._pictures import picture
from pages._tables import LR_FORMAT, offer_csv, three_digits
from pages._text import MISSING, ago_text, count_text, md_escape
from pages._view import View, current_view

MAX_CURVES: Final = 3
"""How many curves of the newest sweep get words of their own here; the rest is on the page Learning rate."""


_STATUSES: Final = {
    "queued": "Announced by a sweep, and waiting for its place in the pack.",
    "running": "Being trained now.",
    "finished": "Came to the end of its budget.",
    "failed": "Ended by an error that is not the configuration's; the page Runs has the reason.",
    "diverged": "Its loss or gradient stopped being finite: a property of the configuration, and shown on its curve.",
    "pruned": "Ended early by a search because others were better.",
    "stopped": "Ended by somebody before its budget.",
    "lost": "Its process ended without a word.",
    "unconfirmed": "Imported without a word of how it ended; counts where it logged as far as the others of its kind.",
}
"""What each status of a run means."""
_OPEN: Final = ":material/arrow_forward:"
_MORE: Final = {
    "learning_rate": "What the U-curve says",
    "best_configuration": "Which configuration is best",
    "batch_scaling": "How it scales with the batch size",
    "what_matters": "What matters",
}


def show_counts(runs: pd.DataFrame) -> None:
    """How many runs there are, by status, and how fresh the newest news is."""
    counts = count_statuses(runs)
    n_sweeps = int(runs["sweep_id"].nunique())
    with st.grid("auto", min_column_width=150, gap="small"):
        sweeps = f"in {count_text(n_sweeps, 'sweep')}"
        show_card("Runs", f"{len(runs):,}", sweeps, meaning="A run is one configuration with one seed.")
        for status, n in counts.items():
            show_card(
                status.capitalize(), f"{n:,}", f"{format_share(n / len(runs))} of runs", meaning=_STATUSES[status]
            )
        changed, ago, _ = ago_text(runs["updated_at"].max()).partition(" ago")
        show_card("Last change", changed, ago or None, meaning="When the newest word of any run in view came in.")


def show_newest_sweep(view: View, sweeps: pd.DataFrame) -> None:
    """The newest sweep's U-curves, with their best and recommended learning rates."""
    newest = str(sweeps["sweep_id"].iloc[0])
    curves = load_lr_curves(narrow(view, newest))
    st.subheader(f"Newest sweep: {md_escape(newest)}")
    if not any(curve.n_runs for curve in curves):
        st.info("Its U-curve appears with the first finished run.", icon=":material/hourglass_empty:")
        return
    chart, words = st.columns([2, 1], gap="large")
    with chart:
        figure = picture(plot_lr_curves, curves, theme=theme())
        alt = f"{view.metric} against learning rate"
        show_chart(figure, key="newest", alt=alt, y_range=valley_range(curves))
    with words:
        for curve in curves[:MAX_CURVES]:
            st.markdown(f"**{md_escape(curve.label)}**")
            st.markdown(best_tried_text(curve, MARKDOWN))
            _, _, recommended = marks(curve)
            if recommended.remark:
                st.markdown(f"Recommended: **{recommended.value}**, {recommended.remark}.")
        if len(curves) > MAX_CURVES:
            st.caption(f"and {count_text(len(curves) - MAX_CURVES, 'more curve')}")
    _show_links({} if newest == NO_SWEEP else {"sweep": newest})


def _show_links(chosen: Mapping[str, str]) -> None:
    """One line of pages that say more about the newest sweep."""
    with st.container(horizontal=True):
        for page, label in _MORE.items():
            st.page_link(f"pages/{page}.py", label=label, query_params=chosen, icon=_OPEN, width="content")


def narrow(view: View, sweep_id: str) -> View:
    """The view of one of its sweeps."""
    condition = Condition("sweep_id", "=", None if sweep_id == NO_SWEEP else sweep_id)
    return replace(view, where=tuple(dict.fromkeys((*view.where, condition))))


def show_sweeps(sweeps: pd.DataFrame, metric: str) -> None:
    """One row per sweep; ticking one narrows every page to it."""
    ids = [str(name) for name in sweeps["sweep_id"]]
    key = f"sweeps-{'-'.join(ids)}"

    view = current_view()
    sweeps = mark_sweeps(sweeps, view.snapshot)

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows and ids[rows[0]] != NO_SWEEP:
            st.session_state["sweep"] = ids[rows[0]]

    st.dataframe(
        sweeps.assign(
            done=100 * sweeps["done"],
            best_learning_rate=sweeps["best_learning_rate"].map(three_digits, na_action="ignore"),
        )[shown_columns(sweeps)],
        hide_index=True,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        alt="One row per sweep, the newest first",
        placeholder=MISSING,
        column_config={
            "sweep_id": st.column_config.TextColumn("Sweep", pinned=True),
            "starred": st.column_config.TextColumn("★", help="whether somebody starred the sweep"),
            "tags": "Tags",
            "n_notes": st.column_config.NumberColumn("Notes", help="notes on the sweep"),
            "n_runs": "Runs",
            "n_finished": "Finished",
            "n_running": "Running",
            "n_queued": "Queued",
            "n_diverged": "Diverged",
            "n_other": st.column_config.NumberColumn("Other", help="failed, stopped, pruned, lost or unconfirmed"),
            "done": st.column_config.ProgressColumn(
                "Done", format="%.0f %%", min_value=0.0, max_value=100.0, help="runs that have ended, however"
            ),
            "best_value": st.column_config.NumberColumn(
                f"Best {metric}", help="best single finished run; none where the runs do not compare", format="%.4f"
            ),
            "best_learning_rate": st.column_config.NumberColumn(
                "at LR", format=LR_FORMAT, help="learning rate of that run"
            ),
            "updated_at": st.column_config.DatetimeColumn("Last change", format="distance"),
            "model": "Model",
            "dataset": "Data",
            "started_at": st.column_config.DatetimeColumn("Started", format="distance"),
        },
    )
    offer_csv(sweeps, "sweeps")
    st.caption("Tick a sweep to look at it alone on every page.")
    known = [name for name in ids if name != NO_SWEEP]
    sweep = (
        st.selectbox("Sweep to annotate", known, key="annotated-sweep") if len(known) > 1 else next(iter(known), None)
    )
    show_annotations(view, [Subject("sweep", sweep)] if sweep else [], nothing_chosen="No run belongs to a sweep.")


def shown_columns(sweeps: pd.DataFrame) -> list[str]:
    """The columns in reading order, without counts that are zero everywhere."""
    counts = [name for name in ("n_finished", "n_running", "n_queued", "n_diverged", "n_other") if sweeps[name].any()]
    results = ["done", "best_value", "best_learning_rate", "updated_at"]
    marks = [name for name in ("starred", "tags", "n_notes") if name in sweeps]
    return ["sweep_id", *marks, "n_runs", *counts, *results, "model", "dataset", "started_at"]
