"""What runs right now: one bar per sweep, one row per run, drawn again every few seconds while anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from analysis.runs.progress import summarise_sweeps, track_progress
from analysis.store import Condition, Snapshot
from pages._data import Where, load_latest, load_runs
from pages._live import live
from pages._tables import LR_FORMAT, three_digits
from pages._text import MISSING, count_text, duration_text, md_escape
from pages._view import View

SILENT_AFTER_S: Final = 180.0
"""Our choice: longer than any evaluation of a small model takes, far longer than the trainer's flushes every 3 s."""

_RUNNING: Final = Condition("status", "=", "running")


def show_progress(view: View) -> None:
    """Show the running runs in view, and keep them current; nothing at all while none runs."""
    if not view.something_runs:
        return
    first_look, store, where = [view.snapshot], view.store, view.where  # not the view: a session would keep its tables

    def draw() -> None:
        _draw(first_look.pop() if first_look else store.snapshot(), where)

    live(draw, active=True)


def _draw(snapshot: Snapshot, where: Where) -> None:
    runs = load_runs(snapshot, where)
    progress = track_progress(runs, load_latest(snapshot, (*where, _RUNNING)), datetime.now(UTC))
    if progress.empty:
        return
    st.subheader("Running now")
    running = runs[runs["sweep_id"].fillna("").isin(progress["sweep_id"].fillna(""))]
    sweeps = summarise_sweeps(running.assign(value=float("nan")))
    for _, sweep in sweeps[sweeps["n_running"] > 0].iterrows():
        st.progress(float(sweep["done"]), text=sweep_text(sweep))
    if silence := silence_text(progress):
        st.warning(silence, icon=":material/signal_disconnected:")
    _show_runs(progress)


def sweep_text(sweep: pd.Series) -> str:
    """How many of a sweep's runs are done, run and wait."""
    n_runs, n_running, n_queued = (int(sweep[key]) for key in ("n_runs", "n_running", "n_queued"))
    n_done = n_runs - n_running - n_queued
    waiting = f", {n_queued} waiting" if n_queued else ""
    return f"{md_escape(sweep['sweep_id'])}: {n_done} of {count_text(n_runs, 'run')} done, {n_running} running{waiting}"


def silence_text(progress: pd.DataFrame) -> str:
    """A warning when running runs have not written anything for a while; empty when all is well."""
    silent = progress[progress["silent_s"] > SILENT_AFTER_S]
    if silent.empty:
        return ""
    longest = duration_text(float(silent["silent_s"].max()))
    silent_runs = count_text(len(silent), "running run")
    return f"{silent_runs} wrote nothing for up to {longest}: the trainer may have been stopped."


def _show_runs(progress: pd.DataFrame) -> None:
    shown = progress.assign(
        run=progress["name"].fillna(progress["run_id"]),
        percent=100 * progress["done"],
        lr_now=progress["lr_now"].map(three_digits, na_action="ignore"),
        eta=[duration_text(seconds) for seconds in progress["eta_s"]],
        steps=[_steps_text(step, n_steps) for step, n_steps in zip(progress["step"], progress["n_steps"], strict=True)],
    )
    st.dataframe(
        shown[["run", "percent", "steps", "eta", "train_loss", "eval_loss", "lr_now", "tokens_per_s"]],
        hide_index=True,
        key="running",
        alt="Progress of the runs that are being trained",
        column_config={
            "run": st.column_config.TextColumn("Run", pinned=True),
            "percent": st.column_config.ProgressColumn(
                "Done", format="%.0f %%", min_value=0.0, max_value=100.0, help="optimizer steps done"
            ),
            "steps": st.column_config.TextColumn("Steps", alignment="right"),
            "eta": st.column_config.TextColumn("Left", help="at the mean speed so far", alignment="right"),
            "train_loss": st.column_config.NumberColumn("Train loss", help="nats per target token", format="%.4f"),
            "eval_loss": st.column_config.NumberColumn("Eval loss", help="nats per target token", format="%.4f"),
            "lr_now": st.column_config.NumberColumn(
                "LR now", format=LR_FORMAT, help="of the last step: schedule included"
            ),
            "tokens_per_s": st.column_config.NumberColumn("Tokens/s", help="trained tokens", format="%,.0f"),
        },
    )


def _steps_text(step: int | None, n_steps: int | None) -> str:
    done, budget = (MISSING if pd.isna(number) else f"{number:,}" for number in (step, n_steps))
    return f"{done} / {budget}"
