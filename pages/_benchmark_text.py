"""What benchmark scores say, in words. Every sentence follows from the numbers; none is fixed text about the data."""

from __future__ import annotations

import math
from typing import Final

import streamlit as st

from analysis.benchmarks.correlation_types import LossCorrelation, LossCorrelations
from analysis.benchmarks.report import BenchmarkReport
from analysis.benchmarks.texts import tau_text, value_text
from pages._cards import show_card
from pages._text import join_text, md_escape

_MEANINGS: Final = {
    "rows": "A run, or a configuration over its seeds; the latest evaluation counts unless another step is chosen.",
    "columns": "Ways of measuring: scores of another harness, version or set of items stand in a column of their own. "
    "At chance: no row's right answers are above it in an exact one-sided binomial test at 5 %, Bonferroni-corrected.",
    "missing": "Not measured, or not finite. Missing stays missing: never averaged over, never a zero.",
}
_MOST_NAMED = 4
_MAP = """\
fields: {run_id: run}
evals: {arc_easy: "ARC-E"}
eval_details: {arc_easy: {n_items: 2376, chance_level: 0.25}}"""


def show_no_scores(*, elsewhere: bool) -> None:
    """No run in view has a score: why, and how scores get in."""
    where = "Runs outside the filters have some; remove a filter in the sidebar." if elsewhere else ""
    st.info(f"**No run in view has a benchmark score.** {where}", icon=":material/leaderboard:")
    if elsewhere:
        return
    st.markdown(
        "Import a table that has one row a run and a column per benchmark; the map says which columns are scores:"
    )
    st.code(_MAP, language="yaml")
    st.code("ucurve import table SCORES.csv --map MAP.yaml --store DIR", language="bash")


def show_counts(report: BenchmarkReport) -> None:
    """How much was measured."""
    matrix = report.matrix
    n_missing = int(matrix.missing.sum())
    n_at_chance = sum(bool(column.at_chance) for column in matrix.columns)
    unscored = f"{matrix.n_unscored_runs:,} runs without" if matrix.n_unscored_runs else None
    with st.grid("auto", min_column_width=130, gap="small"):
        rows = "Scored trials" if matrix.by == "trial" else "Scored runs"
        show_card(rows, f"{len(matrix.rows):,}", unscored, meaning=_MEANINGS["rows"])
        at_chance = f"{n_at_chance} at chance" if n_at_chance else None
        show_card("Benchmarks", f"{len(matrix.columns):,}", at_chance, meaning=_MEANINGS["columns"])
        show_card("Missing cells", f"{n_missing:,}", f"of {matrix.scores.size:,}", meaning=_MEANINGS["missing"])


def show_missing(report: BenchmarkReport) -> None:
    """What a cross in the heatmap is, where there is one."""
    if report.matrix.missing.any():
        st.caption("A cross is a cell that was not measured.")


def show_verdict(report: BenchmarkReport) -> None:
    """What the aggregates say, and what they rest on."""
    sentences = [*report.verdict, report.coverage, *(report.baseline.notes if report.baseline else ())]
    st.markdown("  \n".join(md_escape(sentence) for sentence in sentences))


def correlation_text(report: BenchmarkReport, correlation: LossCorrelations, found: LossCorrelation) -> str:
    """How well the loss orders the scores of one benchmark, with the interval and what picking by it costs."""
    if found.tau.value is None:
        return f"No rank correlation: {md_escape(found.tau.method)}."
    n_rows = f"{found.n:,} {'trials' if report.matrix.by == 'trial' else 'runs'}"
    parts = [f"Kendall's tau **{md_escape(tau_text(found.tau))}** over {n_rows} ({md_escape(found.tau.method)})."]
    if found.within.value is not None:
        keys = md_escape(join_text(correlation.group_keys))
        parts.append(f"Inside one {keys}: **{md_escape(tau_text(found.within))}** ({md_escape(found.within.method)}).")
    if found.top_tau is not None:
        parts.append(f"Among the {found.n_top} with the best loss: {md_escape(f'{found.top_tau:+.2f}')}.")
    parts.append(_regret_text(found))
    parts.append(_disagreement_text(correlation.metric, found))
    return "  \n".join(filter(None, parts))


def _regret_text(found: LossCorrelation) -> str:
    if found.regret is None:
        return ""
    if found.regret == 0:
        return "The best loss picks the best score."
    error = math.nan if found.regret_stderr is None else found.regret_stderr
    return f"Picking by the loss costs {md_escape(value_text(found.regret, error))} in score against the best row."


def _disagreement_text(metric: str, found: LossCorrelation) -> str:
    if not found.disagreements:
        return ""
    named = [
        f"{each.name} scores {each.direction} "
        f"(rank {each.loss_rank} by {metric}, {each.score_rank} by score, of {each.n})"
        for each in found.disagreements[:_MOST_NAMED]
    ]
    more = f"; and {len(found.disagreements) - _MOST_NAMED} more" if len(found.disagreements) > _MOST_NAMED else ""
    return f"Not what their loss says, beyond what the errors explain: {md_escape('; '.join(named))}{more}."
