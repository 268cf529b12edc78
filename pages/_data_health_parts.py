"""The parts of the page Data health: counts, findings by severity, excluded runs, coverage and groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.health.check import Finding, HealthReport
from analysis.store.agreements import Agreement
from pages._cards import show_card
from pages._tables import show_table
from pages._text import count_text, join_text, md_escape
from pages._verdicts import show_verdicts

_MEANINGS: Final = {
    "used": "Runs that finished, or logged as far as the others of their kind, with a finite value of the metric and a "
    "learning rate.",
    "excluded": "Runs that enter no mean, each with its reason below. Diverged ones still stand on their curves.",
    "problems": "What can make a comparison wrong: copies, contradicting settings, impossible values or times.",
    "remarks": "What is odd but hurts no number.",
}
_MOST_IDS: Final = 200
"""Run ids listed under a finding; the excluded runs have a table of their own."""


def show_counts(report: HealthReport, *, is_checked: bool = True) -> None:
    """How many runs count, and how much was found; dots where nobody has looked yet."""
    n_problems, n_remarks = (f"{len(found):,}" if is_checked else "…" for found in (report.problems, report.remarks))
    with st.grid("auto", min_column_width=150, gap="small"):
        show_card("Used", f"{report.n_used:,}", "enter a mean", meaning=_MEANINGS["used"])
        n_runs = f"of {count_text(report.n_runs, 'run')}"
        show_card("Excluded", f"{len(report.excluded):,}", n_runs, meaning=_MEANINGS["excluded"])
        show_card("Problems", n_problems, "to look into", meaning=_MEANINGS["problems"])
        show_card("Remarks", n_remarks, "worth knowing", meaning=_MEANINGS["remarks"])


def show_findings(report: HealthReport) -> None:
    """What was found, the problems first; or that nothing was."""
    if not report.findings:
        st.success(
            f"**A clean bill of health.** Nothing is wrong with {count_text(report.n_runs, 'run')}.",
            icon=":material/verified:",
        )
        return
    if report.problems:
        _show_findings("Problems", ":material/error:", report.problems)
    else:
        st.success("**No problems**, only remarks.", icon=":material/verified:")
    if report.remarks:
        _show_findings("Remarks", ":material/info:", report.remarks)


def show_excluded(report: HealthReport) -> None:
    """Every run that enters no mean, with its reason; filtered by reason."""
    st.subheader("Excluded runs")
    if not report.excluded:
        st.caption("None: every run is used.")
        return
    table = excluded_table(report)
    counts = Counter(table["why"])
    st.caption(md_escape(join_text([f"{n:,} {kind}" for kind, n in counts.most_common()])))
    chosen = st.pills("Show only", list(counts), selection_mode="multi", key="why", bind="query-params")
    shown = table[table["why"].isin(chosen)] if chosen else table
    show_table(shown, name="excluded", alt="One row per run that enters no mean, with the reason")


def show_imports(imports: pd.DataFrame) -> None:
    """How much of each imported source arrived; `imports` as `Snapshot.imports` gives it."""
    if imports.empty:
        return
    st.subheader("Imports")
    counts = Counter(imports["verdict"])
    sources = count_text(len(imports), "source")
    st.caption(f"{sources}: {join_text([f'{n:,} {verdict}' for verdict, n in counts.most_common()])}.")
    show_verdicts(imports.rename(columns={"label": "source"}), name="imports")


def show_agreements(agreements: Sequence[Agreement]) -> None:
    """What this store's users have said means the same, and how to say or take back more."""
    own = [each for each in agreements if not each.is_rule and each.active]
    if own:
        st.subheader("Agreements")
        rows = [
            (
                each.agreement_id,
                each.what,
                each.value or "not stated",
                each.counts_as,
                each.source or "all",
                each.because,
            )
            for each in own
        ]
        table = pd.DataFrame(rows, columns=["id", "what", "value", "counts as", "in runs of", "because"])
        show_table(table, name="agreements", alt="One row per name or value that counts as another one")
        st.caption("`ucurve agree undo ID` takes one back; what was logged is stored as it was.")


def show_coverage(report: HealthReport) -> None:
    """How many runs logged each metric."""
    if report.coverage:
        st.subheader("Metrics")
        show_table(
            coverage_table(report),
            name="coverage",
            alt="One row per metric: how many runs logged it",
            columns={
                "share": st.column_config.ProgressColumn(
                    format="percent", min_value=0, max_value=1, help="of all runs in view"
                ),
                "lacking": st.column_config.NumberColumn(help="finished or diverged runs that never logged it"),
            },
        )


def show_groups(report: HealthReport) -> None:
    """Which runs compare with each other, where not all do."""
    if len(report.groups) > 1:
        st.subheader("Groups that do not compare")
        show_table(groups_table(report), name="groups", alt="One row per group of comparable runs, the largest first")
        st.caption("Two values that mean the same? `ucurve agree value COLUMN VALUE COUNTS_AS` puts them on one curve.")


def excluded_table(report: HealthReport) -> pd.DataFrame:
    """One row per excluded run; `why` is the kind of reason in words."""
    rows = [(each.run_id, each.kind.replace("_", " "), each.reason) for each in report.excluded]
    return pd.DataFrame(rows, columns=["run_id", "why", "reason"])


def coverage_table(report: HealthReport) -> pd.DataFrame:
    """One row per metric."""
    rows = [(each.metric, each.n_runs, each.n_runs / max(report.n_runs, 1), each.n_lacking) for each in report.coverage]
    return pd.DataFrame(rows, columns=["metric", "runs", "share", "lacking"])


def groups_table(report: HealthReport) -> pd.DataFrame:
    """One row per comparable group."""
    rows = [(each.label, each.n_runs, each.n_used) for each in report.groups]
    return pd.DataFrame(rows, columns=["group", "runs", "used"])


def _show_findings(title: str, icon: str, findings: Sequence[Finding]) -> None:
    st.subheader(title)
    for finding in findings:
        with st.container(border=True):
            st.markdown(f"{icon} **{md_escape(finding.message)}**")
            st.markdown(md_escape(finding.advice))
            if finding.run_ids:
                _show_runs(finding.run_ids)


def _show_runs(run_ids: Sequence[str]) -> None:
    with st.expander(count_text(len(run_ids), "run"), type="compact"):
        st.code("\n".join(run_ids[:_MOST_IDS]), language=None)
        if len(run_ids) > _MOST_IDS:
            st.caption(f"And {len(run_ids) - _MOST_IDS:,} more; `ucurve health --json` lists all.")
