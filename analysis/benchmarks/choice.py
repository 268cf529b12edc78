"""Which configuration is best by the loss, which by the benchmarks, and by how much these disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.benchmarks.choice_texts import choice_verdict
from analysis.benchmarks.choice_types import Choice, GroupChoice, Pick, Rule
from analysis.benchmarks.complete import find_complete_block
from analysis.benchmarks.correlation import loss_of_runs
from analysis.benchmarks.gaps import ScoreTable, loss_gap, score_gap
from analysis.benchmarks.items import Fetch, read_items
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.normalise import scale_scores
from analysis.benchmarks.rows import make_rows
from analysis.benchmarks.types import Step
from analysis.pareto.front import compute_pareto
from analysis.pareto.types import Front, Objective, ParetoPoint
from analysis.runs.direction import Direction

MARGIN: Final = 0.01
"""Losses within 1 % of the best are usually within what seeds change (our choice)."""
BENCHMARK_MEAN: Final = "benchmark_mean"


def choose_configuration(
    evals: pd.DataFrame,
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    margin: float = MARGIN,
    step: Step = "latest",
    benchmarks: Sequence[str] = (),
    fetch_items: Fetch | None = None,
) -> Choice:
    """Returns what each rule takes, one set of picks per group of runs whose losses compare.

    Candidates are configurations over their seeds whose finished runs have a loss and every benchmark; benchmarks that
    few have, rows that lack many, benchmarks at chance for everybody and those without a perfect score are left out.

    Args:
        evals: As `Snapshot.evals` gives it.
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the loss.
        direction: Whether lower or higher values of it are better.
        margin: How far from the best loss the rule `within` goes, as a share of it.
        step: Which evaluation of a run counts.
        benchmarks: Only these, as `NAME` or `NAME:METRIC`.
        fetch_items: Reads scores by item, so that differences are paired.

    Raises:
        SchemaError: a column is missing.
        FilterError: an unknown benchmark or step.
    """
    matrix = compute_benchmark_matrix(evals, results, rows="run", step=step, benchmarks=benchmarks)
    losses = loss_of_runs(results)
    entered = [at for at, row in enumerate(matrix.rows) if row.key in losses and not row.is_base]
    usable = [at for at, column in enumerate(matrix.columns) if column.scale is not None and not column.at_chance]
    block = find_complete_block(
        matrix.missing[np.ix_(entered, usable)],
        [matrix.rows[at].key for at in entered],
        [matrix.columns[at].key for at in usable],
    )
    rows, columns = [entered[at] for at in block.rows], [usable[at] for at in block.columns]
    means = (
        scale_scores(matrix, "chance").values[np.ix_(rows, columns)].mean(axis=1) if columns else np.zeros(len(rows))
    )
    mean_of = {matrix.rows[at].key: float(mean) for at, mean in zip(rows, means, strict=True)}
    table = ScoreTable(matrix, tuple(columns), mean_of, losses)
    groups = _groups(table, results, metric, direction, margin, fetch_items) if mean_of else ()
    return Choice(
        metric=metric,
        direction=direction,
        margin=margin,
        columns=tuple(matrix.columns[at].key for at in columns),
        left_out=tuple(matrix.rows[at].key for at in entered if matrix.rows[at].key not in mean_of),
        groups=groups,
        reason="" if any(group.picks for group in groups) else _reason(entered, usable),
    )


def _groups(
    table: ScoreTable,
    results: pd.DataFrame,
    metric: str,
    direction: Direction,
    margin: float,
    fetch_items: Fetch | None,
) -> tuple[GroupChoice, ...]:
    run_ids = results["run_id"].astype(str)
    kept = results[run_ids.isin(list(table.mean_of))]
    kept_ids = [str(run_id) for run_id in kept["run_id"]]
    values = {
        metric: [table.losses[run_id] for run_id in kept_ids],
        BENCHMARK_MEAN: [table.mean_of[run_id] for run_id in kept_ids],
    }
    objectives = (Objective(name=metric, direction=direction), Objective(name=BENCHMARK_MEAN, direction="max"))
    fronts = compute_pareto(kept.assign(**values), objectives=objectives).groups
    names = {row.key: row.name for row in make_rows(kept, set(table.mean_of), "trial")}
    return tuple(_group(front, table, objectives[0], margin, names, fetch_items) for front in fronts)


def _group(
    front: Front,
    table: ScoreTable,
    loss: Objective,
    margin: float,
    names: Mapping[str, str],
    fetch_items: Fetch | None,
) -> GroupChoice:
    if not front.points:
        return GroupChoice(front=front, picks=(), verdict=())
    found = _best_points(front.points, loss, margin)
    by_loss = found["loss"]
    runs = sorted({run_id for point in found.values() for run_id in point.run_ids})
    is_split = len({point.trial_key for point in found.values()}) > 1
    items = read_items(table.matrix, fetch_items, runs) if fetch_items is not None and is_split else {}
    picks = tuple(
        Pick(
            rule=rule,
            trial_key=point.trial_key,
            name=names.get(point.trial_key, point.name),
            loss=point.values[loss.name],
            benchmark_mean=point.values[BENCHMARK_MEAN],
            run_ids=point.run_ids,
            score_gap=None if point is by_loss else score_gap(table, front.points, point, by_loss, items),
            loss_gap=None if point is by_loss else loss_gap(table, front.points, point, by_loss),
        )
        for rule, point in found.items()
    )
    return GroupChoice(front=front, picks=picks, verdict=choice_verdict(picks, loss, margin, len(front.points)))


def _best_points(points: Sequence[ParetoPoint], loss: Objective, margin: float) -> dict[Rule, ParetoPoint]:
    """Returns what each rule takes; of equal ones that with the better other objective, then the first by key."""

    def by_score(point: ParetoPoint) -> tuple[float, float, str]:
        return (-point.values[BENCHMARK_MEAN], loss.sign * point.values[loss.name], point.trial_key)

    best = min(
        points, key=lambda point: (loss.sign * point.values[loss.name], -point.values[BENCHMARK_MEAN], point.trial_key)
    )
    reach = loss.sign * best.values[loss.name] + margin * abs(best.values[loss.name])
    near = [point for point in points if loss.sign * point.values[loss.name] <= reach]
    return {"loss": best, "benchmarks": min(points, key=by_score), "within": min(near, key=by_score)}


def _reason(entered: Sequence[int], usable: Sequence[int]) -> str:
    if not entered:
        return "No run in view has both the loss and a benchmark score."
    if not usable:
        return "No benchmark counts: all are at chance for everybody, or have no perfect score to be measured against."
    return f"None of {len(entered)} runs with a loss is finished and shares a benchmark with the others."
