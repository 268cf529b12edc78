"""The imports that were started here: how far each is, what it found, and a way to stop it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from analysis.errors import UcurveError
from pages._live import live
from pages._noting import note_action
from pages._paths import shown_problem, shown_sentence
from pages._person import require
from pages._tables import show_table
from pages._text import ago_text, count_text, join_text, md_escape
from pages._verdicts import show_verdicts
from runner.access.person import Role
from runner.import_jobs import ImportJob, ImportOrder, ImportProgress, Report, list_imports, start_import, stop_import

_PROBLEM: Final = "import-problem"
"""Session key of the sentence on an import that could not be started."""
_SHOWN: Final = 5
"""Earlier imports, and"""
_MOST_NOTES: Final = 10
"""notes of sources that are shown; the command line lists all."""
_ITEM_STATES: Final = {"known": "in already", "new": "new", "changed": "changed"}
_RUN_STATES: Final = {
    "new": "new",
    "changed": "changed",
    "extended": "extended",
    "unchanged": "unchanged",
    "known": "in already",
    "mirror": "trained here",
    "deleted": "gone at their source",
    "refused": "refused",
}
"""What `ucurve import --json` counts, in words."""
_STATES: Final = {
    "running": ":blue-badge[running]",
    "finished": ":green-badge[done]",
    "failed": ":red-badge[failed]",
    "stopped": ":gray-badge[stopped]",
}


def offer_preview(store: Path, order: ImportOrder | None) -> None:
    """The button that looks what an import would bring; it imports nothing."""
    st.button(
        "Preview",
        type="primary",
        key="import-preview-now",
        icon=":material/search:",
        disabled=order is None,
        on_click=_start,
        args=(store, order.model_copy(update={"dry_run": True}) if order else None),
        help="Looks what would come in; nothing is imported.",
    )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        st.error(md_escape(problem), icon=":material/error:")


def show_jobs(store: Path) -> None:
    """The newest imports, kept current while one runs; the page reloads when one has begun or ended."""
    running = {job.job_id for job in list_imports(store) if job.state == "running"}

    def draw() -> None:
        jobs = list_imports(store)
        if running != {job.job_id for job in jobs if job.state == "running"}:
            st.rerun(scope="app")
        shown = _worth_showing(jobs)
        for job in shown[:1]:
            _show_job(store, job)
        if shown[1:]:
            with st.expander("Earlier"):
                for job in shown[1 : _SHOWN + 1]:
                    _show_job(store, job)

    live(draw, active=bool(running))


def _start(store: Path, order: ImportOrder | None) -> None:
    if order is None:
        return
    action, subject = "preview import" if order.dry_run else "import", ", ".join(order.targets)
    try:
        person = require(Role.LAUNCHER, action, subject)
        start_import(store, order)
        note_action(person, action, subject, "done")
    except UcurveError as problem:
        st.session_state[_PROBLEM] = shown_problem(problem)


def _stop(store: Path, job_id: str) -> None:
    try:
        person = require(Role.LAUNCHER, "stop import", job_id)
        stop_import(store, job_id)
        note_action(person, "stop import", job_id, "done")
    except UcurveError as problem:
        st.session_state[_PROBLEM] = shown_problem(problem)


def _worth_showing(jobs: Sequence[ImportJob]) -> list[ImportJob]:
    """The jobs without the previews that an import of the same has followed; running ones first."""
    done: list[ImportOrder] = []
    shown = []
    for job in jobs:
        if not job.order.dry_run:
            done.append(job.order)
        elif job.order.model_copy(update={"dry_run": False}) in done:
            continue
        shown.append(job)
    return sorted(shown, key=lambda job: job.state != "running")


def _show_job(store: Path, job: ImportJob) -> None:
    with st.container(border=True):
        what = "Preview" if job.order.dry_run else "Import"
        started = ago_text(datetime.fromtimestamp(job.started_at, UTC))
        targets = md_escape(join_text([shown_sentence(target) for target in job.order.targets]))
        st.markdown(f"**{what}** of {targets} {_STATES[job.state]}  \n:gray[{md_escape(job.order.kind)}, {started}]")
        if job.state == "running":
            _show_running(store, job)
        elif job.state == "failed":
            st.error(md_escape(shown_sentence(str(job.problem))), icon=":material/error:")
        elif job.report is not None:
            _show_report(store, job, job.report)
        elif job.order.dry_run:
            st.caption("Stopped before it had looked at everything; nothing was imported.")
        else:
            st.caption("What had arrived whole is in the store; the same import again brings the rest.")
        if job.state in ("failed", "stopped"):
            st.button(
                "Look again" if job.order.dry_run else "Go on with the import",
                key=f"import-again-{job.job_id}",
                icon=":material/replay:",
                on_click=_start,
                args=(store, job.order),
            )


def _show_running(store: Path, job: ImportJob) -> None:
    share, text = progress_of(job.progress)
    st.progress(share, text=text)
    st.button(
        "Stop",
        key=f"import-stop-{job.job_id}",
        icon=":material/stop_circle:",
        on_click=_stop,
        args=(store, job.job_id),
        help="What has arrived whole stays in the store.",
    )


def progress_of(progress: ImportProgress) -> tuple[float, str]:
    """The share that is done, from 0 to 1, and what is being done, as Markdown."""
    if progress.n_items is None:
        return 0.0, f"Looking what there is: {count_text(progress.n_found, 'source')} so far"
    inside = min(progress.n_rows / progress.n_rows_expected, 1.0) if progress.n_rows_expected else 0.0
    share = (progress.n_done + inside) / max(progress.n_items, 1)
    rows = f", {count_text(progress.n_rows, 'row')}" if progress.n_rows else ""
    now = f": {md_escape(progress.source)}{rows}" if progress.source else ""
    return min(share, 1.0), f"{progress.n_done:,} of {count_text(progress.n_items, 'source')} done{now}"


def _show_report(store: Path, job: ImportJob, report: Report) -> None:
    if job.order.dry_run:
        _show_preview(store, job, report)
    else:
        st.markdown(_counts_text(report))
        show_verdicts(pd.DataFrame(_rows(report, "sources")), name=f"verdicts-{job.job_id}")
        st.page_link("pages/learning_rate.py", label="See the curves", icon=":material/show_chart:")
    for note in _notes(report):
        st.caption(md_escape(shown_sentence(note)))


def _notes(report: Report) -> list[str]:
    """What was decided: of the import as a whole, and of its sources, each sentence once."""
    said = Counter(str(note) for row in _rows(report, "sources") for note in _list(row, "notes"))
    counted = [note if n == 1 else f"{note} ({n:,} times)" for note, n in said.most_common(_MOST_NOTES)]
    return [*map(str, _list(report, "notes")), *counted]


def _show_preview(store: Path, job: ImportJob, report: Report) -> None:
    items = pd.DataFrame(_rows(report, "items"))
    if items.empty:
        st.markdown("**Nothing was found** there.")
        return
    counts = Counter(items["state"])
    states = join_text([f"{n:,} {_ITEM_STATES.get(state, state)}" for state, n in counts.most_common()])
    st.markdown(f"**{count_text(len(items), 'source')}**: {states}.")
    refused = [item for item in _rows(report, "items") if item.get("state") == "refused"]
    for item in refused[:_MOST_NOTES]:
        st.error(f"{md_escape(item['source'])}: {md_escape(item.get('reason'))}.", icon=":material/error:")
    if len(refused) == len(items):
        return
    show_table(items.dropna(axis="columns", how="all"), name=f"items-{job.job_id}", alt="One row per source found")
    if any(state not in ("known", "refused") for state in counts):
        st.button(
            "Import",
            type="primary",
            key=f"import-go-{job.job_id}",
            icon=":material/download:",
            on_click=_start,
            args=(store, job.order.model_copy(update={"dry_run": False})),
        )


def _list(report: Report, key: str) -> list[object]:
    found = report.get(key)
    return found if isinstance(found, list) else []


def _rows(report: Report, key: str) -> list[dict[str, object]]:
    return [row for row in _list(report, key) if isinstance(row, dict)]


def _n(report: Report, key: str) -> int:
    value = report.get(key)
    return value if isinstance(value, int) else 0


def _counts_text(report: Report) -> str:
    counts = [f"{_n(report, f'n_{kind}'):,} {what}" for kind, what in _RUN_STATES.items() if _n(report, f"n_{kind}")]
    n_redacted = _n(report, "n_redacted")
    secrets = f" {count_text(n_redacted, 'secret')} left out." if n_redacted else ""
    return f"**{count_text(_n(report, 'n_runs'), 'run')}**: {join_text(counts) or 'nothing'}.{secrets}"
