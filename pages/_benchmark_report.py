"""The Benchmarks page: what to show, read from the store, and as what."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from analysis.benchmarks.choice import choose_configuration
from analysis.benchmarks.choice_types import Choice
from analysis.benchmarks.in_view import read_in_view
from analysis.benchmarks.items import MatrixItems, read_items
from analysis.benchmarks.measurements import available_metrics, read_measurements
from analysis.benchmarks.report import BenchmarkReport, default_sort, report_benchmarks, rescale, sort_rows, with_loss
from analysis.benchmarks.types import By, Normalisation, Step
from analysis.benchmarks.verdicts import NAMES
from analysis.runs.direction import Direction
from analysis.store import Condition, Snapshot
from pages._data import digest_tables, load_results, load_runs
from pages._turns import TURN
from pages._view import View

_ROWS: Final[dict[str, By]] = {"Runs": "run", "Trials": "trial"}
_SCALES: Final[dict[str, Normalisation | None]] = {"As reported": None, "From chance": "chance", "z": "z"}
_STEPS: Final[dict[str, Step]] = {"Latest": "latest", "Best": "best"}
_MOST_REPORTS: Final = 16
_NO_BASELINE: Final = "None"
_MOST_BASELINES: Final = 300
"""Rows offered as a baseline; a list of thousands would be sent anew after every click."""


@dataclass(frozen=True)
class Offer:
    """What the scores in view leave to choose from: benchmarks (and their other metrics), and steps."""

    benchmarks: tuple[str, ...]
    steps: tuple[int, ...]


def load_offer(view: View) -> Offer:
    """What can be chosen among the scores of the runs in view."""
    return _offer(_key(view.snapshot), view.where, view.snapshot)


def has_scores_elsewhere(view: View) -> bool:
    """Whether runs outside the filters have scores."""
    return bool(view.where) and bool(_offer(_key(view.snapshot), (), view.snapshot).benchmarks)


@dataclass(frozen=True)
class Asked:
    """What the reader asks for.

    Attributes:
        report: The scores, on the scale and against the baseline asked for, without the loss.
        order: Positions of its rows from top to bottom.
        key: What the report follows from.
        with_loss: Sets the loss beside the scores, which takes longer than everything else.
    """

    report: BenchmarkReport
    order: list[int]
    key: Hashable
    with_loss: Callable[[], BenchmarkReport]


def ask_report(view: View, offer: Offer) -> Asked:
    """The report that the reader asks for; the address bar keeps what was chosen."""
    with st.grid("auto", min_column_width=150, gap="small"):
        by = _ROWS[_ask("Rows", list(_ROWS), "bench_rows", _ROWS_HELP)]
        steps = {**_STEPS, **{f"Step {step}": step for step in offer.steps}}
        step = steps[_ask("Evaluation", list(steps), "bench_step", _STEP_HELP)]
        scale = _SCALES[_ask("Scale", list(_SCALES), "bench_scale", _SCALE_HELP)]
        places = [st.empty(), st.empty()]
    chosen = st.multiselect(
        "Benchmarks",
        offer.benchmarks,
        key="bench_names",
        bind="query-params",
        placeholder="all, each by its most frequent metric",
    )
    question: _Question = (by, step, tuple(chosen))
    digest = _digest(view.snapshot.key, view.where, view.metric, view.snapshot)
    report = _report(digest, question, view)
    names = [_NO_BASELINE, *_baselines(report)]
    with places[0]:
        baseline = _ask("Baseline", names, "bench_baseline", _BASELINE_HELP)
    if baseline == _NO_BASELINE:
        report = rescale(report, normalise=scale, baseline=None)
    else:
        items = _items(digest, question, report, view.snapshot)
        report = rescale(report, normalise=scale, baseline=baseline, items=items)
    with places[1]:
        order = _ask_order(report)
    key = (digest, question, view.metric, view.direction, scale, baseline)
    return Asked(report, order, key, partial(_with_loss, report, digest, question, view))


def _baselines(report: BenchmarkReport) -> list[str]:
    """Names of the rows that others can be compared with, base models first; of very many the best ones.

    One that the address names is always among them.
    """
    rows = [report.matrix.rows[at] for at in sort_rows(report, default_sort(report))[:_MOST_BASELINES]]
    linked = st.session_state.get("bench_baseline") or st.query_params.get("bench_baseline")
    names = dict.fromkeys(row.name for row in sorted(rows, key=lambda row: not row.is_base))
    if linked not in names and any(row.name == linked for row in report.matrix.rows):
        names[str(linked)] = None
    return list(names)


def load_choice(view: View) -> Choice | None:
    """What to take by the loss and by the benchmarks; None where no run in view has a score."""
    if not load_offer(view).benchmarks:
        return None
    digest = _digest(view.snapshot.key, view.where, view.metric, view.snapshot)
    return _choice(digest, view.metric, view.direction, view)


def _ask(label: str, options: Sequence[str], key: str, explanation: str) -> str:
    return st.selectbox(label, options, key=key, bind="query-params", help=explanation)


def _ask_order(report: BenchmarkReport) -> list[int]:
    names = {name.capitalize(): str(method) for method, name in NAMES.items()}
    names |= {column.key: column.key for column in report.matrix.columns}
    usual = default_sort(report)
    options = sorted(names, key=lambda name: names[name] != usual)
    return sort_rows(report, names[_ask("Sort by", options, "bench_sort", _SORT_HELP)])


_ROWS_HELP: Final = "A trial is one configuration: the mean over its seeds."
_STEP_HELP: Final = "Which evaluation of a run counts. The best one is a maximum over noisy values: too good."
_SCALE_HELP: Final = "From chance: 0 is guessing, 1 is perfect. z: standard deviations over the rows shown."
_BASELINE_HELP: Final = "Show differences to this row; those that are more than noise are bold."
_SORT_HELP: Final = "An aggregate, or one benchmark; the best row stands on top."


def _key(snapshot: Snapshot) -> str:
    return snapshot.key_of("runs", "evals", "agreements", "annotations")


@dataclass(frozen=True, slots=True)
class _CachedReads:
    """A snapshot, read through the caches of all pages."""

    snapshot: Snapshot

    def runs(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """As `Snapshot.runs`."""
        return load_runs(self.snapshot, tuple(where))

    def results(self, metric: str) -> pd.DataFrame:
        """As `Snapshot.results`."""
        return load_results(self.snapshot, metric)

    def evals(self) -> pd.DataFrame:
        """As `Snapshot.evals`."""
        return _evals(_key(self.snapshot), self.snapshot)


# Arguments that start with an underscore are no part of the cache key. A digest is that of all scores and values that a
# report is made of: it stays what it is while other sweeps are being written.


@st.cache_data(max_size="32MB", show_spinner=False)
def _evals(key: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.evals()


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Condition: str})
def _offer(key: str, where: tuple[Condition, ...], _snapshot: Snapshot) -> Offer:
    scores = _evals(key, _snapshot)
    if where:
        scores = scores[scores["run_id"].isin(load_runs(_snapshot, where)["run_id"])]
    measured, _ = read_measurements(scores)
    metrics = available_metrics(measured)
    others = [f"{name}:{metric}" for name, found in metrics.items() for metric in found[1:]]
    return Offer((*metrics, *others), tuple(sorted({int(step) for step in measured["step"]})))


_Question = tuple[By, Step, tuple[str, ...]]


@st.cache_data(max_entries=1024, show_spinner=False, hash_funcs={Condition: str})
def _digest(key: str, where: tuple[Condition, ...], metric: str, _snapshot: Snapshot) -> str:  # noqa: ARG001
    return digest_tables(_snapshot.key_of("eval_items"), *read_in_view(_CachedReads(_snapshot), metric, where))


@st.cache_resource(max_entries=4, show_spinner=False)
def _items(
    digest: str,  # noqa: ARG001 - the cache's key
    question: _Question,  # noqa: ARG001
    _report: BenchmarkReport,
    _snapshot: Snapshot,
) -> MatrixItems:
    return read_items(_report.matrix, _snapshot.eval_items)


def _with_loss(report: BenchmarkReport, digest: str, question: _Question, view: View) -> BenchmarkReport:
    found = _beside_loss(digest, question, view.metric, view.direction, view)
    return replace(report, correlation=found.correlation, choice=found.choice)


@st.cache_resource(max_entries=_MOST_REPORTS, show_spinner=False)
def _report(digest: str, question: _Question, _view: View) -> BenchmarkReport:  # noqa: ARG001 - the cache's key
    by, step, benchmarks = question
    scores, runs = read_in_view(_CachedReads(_view.snapshot), _view.metric, _view.where)
    with TURN:
        return report_benchmarks(scores, runs, rows=by, step=step, benchmarks=benchmarks)


@st.cache_resource(max_entries=_MOST_REPORTS, show_spinner=False)
def _beside_loss(digest: str, question: _Question, metric: str, direction: Direction, _view: View) -> BenchmarkReport:
    _, step, benchmarks = question
    scores, runs = read_in_view(_CachedReads(_view.snapshot), metric, _view.where)
    report, fetch_items = _report(digest, question, _view), _view.snapshot.eval_items
    with TURN:
        choice = choose_configuration(
            scores,
            runs,
            metric=metric,
            direction=direction,
            step=step,
            benchmarks=benchmarks,
            fetch_items=fetch_items,
        )
        return with_loss(report, runs, choice, metric=metric, direction=direction)


@st.cache_resource(max_entries=_MOST_REPORTS, show_spinner=False)
def _choice(digest: str, metric: str, direction: Direction, _view: View) -> Choice:  # noqa: ARG001 - the cache's key
    scores, runs = read_in_view(_CachedReads(_view.snapshot), metric, _view.where)
    fetch_items = _view.snapshot.eval_items
    with TURN:
        return choose_configuration(scores, runs, metric=metric, direction=direction, fetch_items=fetch_items)
