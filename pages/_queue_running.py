"""A running job on the page Queue: how far, how fast, how long still, its curves and its log."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from analysis.errors import StoreError
from analysis.figures.loss_curves import plot_loss_curves
from pages._cards import show_card
from pages._charts import show_chart, theme
from pages._data import load_curves_of, load_runs, open_store
from pages._paths import shown_sentence
from pages._progress import SILENT_AFTER_S
from pages._queue_actions import refusal_for, stop_job, stop_run
from pages._queue_files import read_log_end, read_status
from pages._queue_store import open_queue, store_folder
from pages._tables import LR_FORMAT, three_digits
from pages._text import MISSING, ago_text, bytes_text, count_text, duration_text, md_escape, tokens_text
from runner.job_files import JobStatus, RunStatus
from runner.queue.job import Job

_MOST_CURVES: Final = 50
_PHASES: Final = {
    "preparing": "Reading the data and the model",
    "training": "Training",
    "scoring": "Scoring on benchmarks",
    "done": "Finishing",
}


def show_running(job: Job) -> None:
    """Everything that is known of a running job just now; the caller draws it again every few seconds."""
    attempt = job.attempts[-1] if job.attempts else None
    folder = open_queue().job_folder(job.job_id, attempt.number) if attempt else None
    status = read_status(folder) if folder else None
    with st.container(border=True):
        stopping = " :orange-badge[stopping]" if job.stopping else ""
        st.markdown(f"#### {md_escape(job.order.sweep_id)} :blue-badge[running]{stopping}")
        st.caption(_about(job))
        if status is None:
            st.info("It has just begun and has not said anything yet.", icon=":material/hourglass_top:")
        else:
            _show_status(status)
            _show_runs(status)
        _show_actions(job, status)
        _show_curves(job, status)
        if folder is not None:
            show_log(job.job_id, read_log_end(folder))


def _about(job: Job) -> str:
    attempt = job.attempts[-1] if job.attempts else None
    parts = [md_escape(job.job_id), f"launched by {md_escape(job.person.name)}"]
    if attempt is not None:
        parts.append(f"{md_escape(attempt.worker_id)} since {duration_text(time.time() - attempt.started_at)}")
        if attempt.number > 1:
            parts.append(f"attempt {attempt.number}")
    return ", ".join(parts)


def _show_status(status: JobStatus) -> None:
    st.progress(share_of(status), text=progress_text(status))
    left = duration_text(status.left_s, n_units=1)
    speed = MISSING if status.tokens_per_s is None else f"{tokens_text(status.tokens_per_s)}/s"
    saved = "none yet" if status.checkpoint_at is None else ago_text(datetime.fromtimestamp(status.checkpoint_at, UTC))
    with st.grid("auto", min_column_width=135, gap="small"):
        show_card(
            "Left", left, meaning="Tokens that are left, at the speed beside; scoring on benchmarks comes on top."
        )
        show_card(
            "Tokens", speed, meaning="Processed training tokens, prompts included, over about the last half minute."
        )
        show_card("Checkpoint", saved, meaning="What a kill now would lose: everything since then is trained again.")
        if status.device_memory_bytes is not None:
            memory = bytes_text(status.device_memory_bytes)
            show_card("Device memory", memory, meaning="In use on the accelerator, as its driver says.")
        if status.device_utilisation is not None:
            share = f"{status.device_utilisation:.0%}"
            show_card(
                "Device use", share, meaning="Share of the time in which the accelerator computed, as its driver says."
            )
    if status.device:
        st.caption(f"On {md_escape(status.device)}.")
    if status.resumed_from:
        st.caption(f"Went on from {md_escape(status.resumed_from)}.")
    silent_s = time.time() - status.updated_at
    if silent_s > SILENT_AFTER_S:
        st.warning(
            f"It said nothing for {duration_text(silent_s)}: suspended, or busy with one long step.",
            icon=":material/signal_disconnected:",
        )
    for message in status.messages[-3:]:
        st.caption(md_escape(shown_sentence(message)))


def share_of(status: JobStatus) -> float:
    """The share of the training tokens that is done, from 0 to 1."""
    return min(1.0, max(0.0, status.done_tokens / status.total_tokens)) if status.total_tokens > 0 else 0.0


def progress_text(status: JobStatus) -> str:
    """What it does and how many runs are done, as Markdown."""
    n_ended = sum(status.counts.values())
    n_waiting = max(0, status.n_runs - status.n_skipped - n_ended - len(status.running))
    parts = [f"{status.n_skipped + n_ended:,} of {count_text(status.n_runs, 'run')} done"]
    parts += [f"{len(status.running):,} training"] if status.running else []
    parts += [f"{n_waiting:,} waiting"] if n_waiting else []
    odd = [f"{n:,} {md_escape(name)}" for name, n in sorted(status.counts.items()) if name != "finished" and n]
    return f"{_PHASES[status.phase]}: {', '.join([*parts, *odd])}"


def _show_runs(status: JobStatus) -> None:
    if not status.running:
        return
    rows = [
        {
            "run": run.name,
            "percent": 100 * run.step / run.n_steps if run.n_steps else 0.0,
            "steps": f"{run.step:,} / {run.n_steps:,}",
            "train_loss": run.train_loss,
            "eval_loss": run.eval_loss,
            "lr_now": None if run.learning_rate_now is None else three_digits(run.learning_rate_now),
        }
        for run in status.running
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"queue-runs-{status.sweep_id}",
        alt="Progress of the runs that are being trained",
        placeholder=MISSING,
        column_config={
            "run": st.column_config.TextColumn("Trial", pinned=True),
            "percent": st.column_config.ProgressColumn(
                "Done", format="%.0f %%", min_value=0.0, max_value=100.0, help="optimizer steps done"
            ),
            "steps": st.column_config.TextColumn("Steps", alignment="right"),
            "train_loss": st.column_config.NumberColumn("Train loss", help="nats per target token", format="%.4f"),
            "eval_loss": st.column_config.NumberColumn("Eval loss", help="nats per target token", format="%.4f"),
            "lr_now": st.column_config.NumberColumn(
                "LR now", format=LR_FORMAT, help="of the last step: schedule included"
            ),
        },
    )


def _show_actions(job: Job, status: JobStatus | None) -> None:
    refusal = refusal_for(job)
    running = {run.run_id: run for run in status.running} if status else {}
    with st.container(horizontal=True):
        with st.popover("Stop", icon=":material/stop_circle:", disabled=refusal is not None or job.stopping):
            st.markdown("Finished runs stay in the store. Launching the same sweep again goes on with the others.")
            st.button(
                "Stop this sweep",
                type="primary",
                key=f"queue-stop-{job.job_id}",
                icon=":material/stop_circle:",
                on_click=stop_job,
                args=(job.job_id,),
            )
        if running:
            with st.popover("Stop a trial", icon=":material/remove_circle:", disabled=refusal is not None):
                _ask_trial(job, running)
    if refusal is not None:
        st.caption(f":material/block: {md_escape(refusal)}")


def _ask_trial(job: Job, running: dict[str, RunStatus]) -> None:
    key = f"queue-trial-{job.job_id}"
    names = {run_id: run.name for run_id, run in running.items()}
    if st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))
    st.selectbox("Trial", list(names), key=key, format_func=names.__getitem__)
    st.button(
        "Stop this trial",
        key=f"queue-stop-run-{job.job_id}",
        icon=":material/remove_circle:",
        on_click=stop_run,
        args=(job.job_id, key),
        help="The others go on; its slot goes to the next.",
    )


def _show_curves(job: Job, status: JobStatus | None) -> None:
    """Train losses of the sweep's runs so far, from the store."""
    try:
        snapshot = open_store(str(store_folder())).snapshot()
    except StoreError:
        return
    runs = load_runs(snapshot)
    own = runs[(runs["sweep_id"] == job.order.sweep_id) & (runs["source"] == "local")]
    training = {run.run_id for run in status.running} if status else set()
    order = own["run_id"].isin(training)
    shown = own[order | (own["status"] != "queued")].assign(first=~order).sort_values("first", kind="stable")
    shown = shown.head(_MOST_CURVES)
    curves = load_curves_of(snapshot, tuple(shown["run_id"]), "train_loss")
    if curves.empty:
        return
    show_chart(
        plot_loss_curves(curves, shown, metric="train_loss", smoothing=0.6, theme=theme()),
        key=f"queue-curves-{job.job_id}",
        alt=f"train_loss of {count_text(len(shown), 'run')} of {job.order.sweep_id}",
        height=320,
    )


def show_log(name: str, text: str) -> None:
    """The end of a log as text and nothing else."""
    with st.expander("Log", icon=":material/terminal:", key=f"queue-log-{name}"):
        if text:
            st.code(text, language=None, wrap_lines=True, height=320)
        else:
            st.caption("It has written nothing yet.")
