"""What a sweep would do before it does it: the grid, what the store has of it, and what the rest takes."""

from __future__ import annotations

import secrets
import time
from typing import Final

import streamlit as st

from analysis.figures.sweep_grid import GridRun, arrange_grid, plot_sweep_grid
from pages._charts import show_chart, theme
from pages._launch_cost import Cost, cost_of, done_ids, planned_runs, show_cost
from pages._live import live, reload_when
from pages._queue_store import store_folder
from pages._text import count_text, duration_text, join_text, md_escape
from pages._view import View
from runner.drafts.estimate import Estimate, Estimator
from runner.drafts.preview import preview_runs, recommended_rate
from runner.queue.job import SweepOrder
from runner.spec.schema import SweepSpec

_ASKER: Final = "launch-asker"


@st.cache_resource(show_spinner=False)
def estimator() -> Estimator:
    """The estimator of this dashboard, shared by all sessions."""
    return Estimator()


def ask_estimate(order: SweepOrder) -> Estimate:
    """What is known of an order's cost now; finding out goes on in a process of its own."""
    asker = str(st.session_state.setdefault(_ASKER, secrets.token_hex(8)))
    return estimator().ask(order.spec, store_folder(), asker=asker)


def show_grid(spec: SweepSpec, estimate: Estimate | None, view: View | None, *, may_look_up: bool) -> None:
    """The grid, at once; what the store has of it as soon as that is known.

    Args:
        spec: The sweep.
        estimate: Where somebody asked for one.
        view: What the store has.
        may_look_up: Whether the model may be looked at for its recommended learning rate.
    """
    plan = estimate.plan if estimate is not None else None
    runs = planned_runs(plan, done_ids(view)) if plan else []
    if not runs and may_look_up:
        runs = [GridRun(run.learning_rate, run.settings, False) for run in preview_runs(spec)]
    if not runs:
        st.caption("The grid is drawn as soon as the model has been looked at: its learning rates follow from it.")
        return
    grid = arrange_grid(runs)
    recommended = recommended_rate(spec.model.id) if may_look_up else None
    show_chart(
        plot_sweep_grid(grid, recommended=recommended, theme=theme()),
        key="launch-grid",
        alt=f"The grid of {spec.name}: {count_text(len(runs), 'run')} by learning rate",
        height=grid.height_px,
    )
    if grid.folded:
        st.caption(f"A number counts the runs that differ in {md_escape(join_text(grid.folded))}.")


def show_estimate(order: SweepOrder, estimate: Estimate, view: View | None) -> Cost | None:
    """What the rest takes, as numbers; while it is being found out the page goes on without it."""
    if estimate.state == "running":
        _show_working(order, estimate)
        return None
    if estimate.plan is None:
        st.error(_lines(str(estimate.problem)), icon=":material/error:")
        st.button(
            "Try again",
            key="launch-again",
            icon=":material/refresh:",
            on_click=estimator().forget,
            args=(order.spec, store_folder()),
        )
        return None
    cost = cost_of(estimate.plan, done_ids(view))
    show_cost(cost)
    notes = estimate.plan.get("notes")
    for note in notes if isinstance(notes, list) else []:
        st.caption(md_escape(note))
    if cost.problem:
        st.warning(md_escape(cost.problem), icon=":material/memory:")
    return cost


def _show_working(order: SweepOrder, estimate: Estimate) -> None:
    def draw() -> None:
        waited = duration_text(time.monotonic() - estimate.started_at)
        st.caption(f":material/hourglass_top: Reading the data and planning the runs, {waited} so far.")

    live(draw, active=True)
    reload_when(lambda: ask_estimate(order).state != "running")


def _lines(problem: str) -> str:
    return "  \n".join(md_escape(line) for line in problem.splitlines())
