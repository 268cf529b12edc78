"""The Benchmarks page: what to show, read from the store, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from analysis.benchmarks.choice_types import Choice
from analysis.benchmarks.in_view import read_in_view
from analysis.benchmarks.items import MatrixItems, read_items
from analysis.benchmarks.measurements import available_metrics, read_measurements
from analysis.benchmarks.report import BenchmarkReport, default_sort, report_benchmarks, rescale, sort_rows
from analysis.benchmarks.types import By, Normalisation, Step
from analysis.benchmarks.verdicts import NAMES
from analysis.runs.direction import Direction
from analysis.store import Condition, Snapshot
from pages._view import View

_ROWS: Final[dict[str, By]] = {"Runs": "run", "Trials": "trial"}
_SCALES: Final[dict[str, Normalisation | None]] = {"As reported": None, "From chance": "chance", "z": "z"}
_STEPS: Final[dict[str, Step]] = {"Latest": "latest", "Best": "best"}
_NO_BASELINE: Final = "None"


@dataclass(frozen=True)
class Offer:
    """What the scores in view leave to choose from: benchmarks (and their other metrics), and steps."""

    benchmarks: tuple[str, ...]
    steps: tuple[int, ...]


def load_offer(view: View) -> Offer:
    """What can be chosen among the scores of the runs in view."""
    return _offer(view.snapshot.key, view.where, view.snapshot)


def has_scores_elsewhere(view: View) -> bool:
    """Whether runs outside the filters have scores."""
    return bool(view.where) and bool(_offer(view.snapshot.key, (), view.snapshot).benchmarks)


def ask_report(view: View, offer: Offer) -> tuple[BenchmarkReport, list[int]]:
    """The report that the reader asks for, and its rows' positions from top to bottom; the address bar keeps both."""
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
    report = _report(
        view.snapshot.key, view.where, (by, step, tuple(chosen)), view.metric, view.direction, view.snapshot
    )
    names = [_NO_BASELINE, *(row.name for row in sorted(report.matrix.rows, key=lambda row: not row.is_base))]
    with places[0]:
        baseline = _ask("Baseline", names, "bench_baseline", _BASELINE_HELP)
    if baseline == _NO_BASELINE:
        report = rescale(report, normalise=scale, baseline=None)
    else:
        items = _items(view.snapshot.key, view.where, (by, step, tuple(chosen)), report, view.snapshot)
        report = rescale(report, normalise=scale, baseline=baseline, items=items)
    with places[1]:
        order = _ask_order(report)
    return report, order


def load_choice(view: View) -> Choice | None:
    """What to take by the loss and by the benchmarks; None where no run in view has a score."""
    if not load_offer(view).benchmarks:
        return None
    question: _Question = ("run", "latest", ())
    return _report(view.snapshot.key, view.where, question, view.metric, view.direction, view.snapshot).choice


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


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Condition: str})
def _offer(key: str, where: tuple[Condition, ...], _snapshot: Snapshot) -> Offer:  # noqa: ARG001 - the cache's key
    measured, _ = read_measurements(_snapshot.evals(where))
    metrics = available_metrics(measured)
    others = [f"{name}:{metric}" for name, found in metrics.items() for metric in found[1:]]
    return Offer((*metrics, *others), tuple(sorted({int(step) for step in measured["step"]})))


_Question = tuple[By, Step, tuple[str, ...]]


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Condition: str})
def _items(
    key: str,  # noqa: ARG001 - the cache's key
    where: tuple[Condition, ...],  # noqa: ARG001
    question: _Question,  # noqa: ARG001
    _report: BenchmarkReport,
    _snapshot: Snapshot,
) -> MatrixItems:
    return read_items(_report.matrix, _snapshot.eval_items)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Condition: str})
def _report(
    key: str,  # noqa: ARG001 - the cache's key
    where: tuple[Condition, ...],
    question: _Question,
    metric: str,
    direction: Direction,
    _snapshot: Snapshot,
) -> BenchmarkReport:
    by, step, benchmarks = question
    scores, runs = read_in_view(_snapshot, metric, where)
    return report_benchmarks(
        scores,
        runs,
        rows=by,
        step=step,
        benchmarks=benchmarks,
        metric=metric,
        direction=direction,
        fetch_items=_snapshot.eval_items,
    )
