"""Loss against learning rate: one U-curve per comparable group, with its optimum and how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.errors import FilterError
from analysis.lr_curves.advice import CurveFacts, curve_warnings, next_learning_rates
from analysis.lr_curves.interpolation import Regret, flat_region, lower_is_better, regret_at
from analysis.lr_curves.optimum import find_optimum
from analysis.lr_curves.points import estimate_noise, make_points, usable_points
from analysis.lr_curves.shape import classify_edge, classify_shape, is_flat
from analysis.lr_curves.types import Edge, LocalFit, LrCurve, LrPoint, Noise, Shape
from analysis.recommendation.recommended_lr import RecommendedLr, recommend_lr
from analysis.runs.configuration import Group, GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup, split_curves
from analysis.runs.values import RunValue, read_run_values

__all__ = ["Direction", "Edge", "Group", "LocalFit", "LrCurve", "LrPoint", "Noise", "Shape", "compute_lr_curves"]

_NOT_LORA = frozenset({"full", "none"})


def compute_lr_curves(
    results: pd.DataFrame,
    *,
    metric: str,
    group_by: Sequence[str] | None = None,
    direction: Direction = "min",
    diverged_above: float | None = None,
) -> list[LrCurve]:
    """Returns the U-curves of a results table, in the order of their groups.

    Runs are split wherever their losses cannot be compared (model, dataset, objective, budget ...) and, by default, by
    every hyperparameter that varies. Replicates become mean and spread; diverged and non-finite runs leave the mean but
    bracket the optimum.

    Needs columns: run_id, status, learning_rate, value (the metric's last logged value), one row per run; n_logged, the
    configuration columns of the runs table and `config_json` are used where they are there.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`, for labels.
        group_by: Configuration keys to split by instead of every hyperparameter that varies. What is then mixed in one
            curve is named in its warnings.
        direction: `min` where lower is better, `max` where higher is.
        diverged_above: Finished runs whose value is higher than this count as diverged; None: only non-finite ones do.

    Returns:
        One curve per group that has finished, diverged or running runs; empty when there are none.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `group_by` names a key that no run has, or `diverged_above` is no number.
    """
    if diverged_above is not None and math.isnan(diverged_above):
        raise FilterError("No value is higher than 'nan'; give --diverged-above a number, or leave it out.")
    runs = [_apply_rule(run, diverged_above) for run in read_run_values(results)]
    columns = read_configurations(results)
    active = [row for row, run in enumerate(runs) if run.role != "left_out"]
    groups = split_curves(columns, active, group_by)
    left_out = Counter(
        _key_of(columns, row, groups[0].group) for row, run in enumerate(runs) if groups and run.role == "left_out"
    )
    return [
        _compute_curve(
            group,
            [runs[row] for row in group.rows],
            [columns["seed"][row] for row in group.rows],
            n_left_out=left_out[tuple(group.group.values())],
            recommendation=_recommend(columns, group.rows),
            metric=metric,
            direction=direction,
        )
        for group in groups
    ]


def _apply_rule(run: RunValue, diverged_above: float | None) -> RunValue:
    if diverged_above is None or run.role != "value" or run.value <= diverged_above:
        return run
    return replace(run, role="diverged")


def _key_of(columns: Mapping[str, Sequence[GroupValue]], row: int, group: Group) -> tuple[GroupValue, ...]:
    return tuple(columns[key][row] for key in group)


def _compute_curve(
    group: RunGroup,
    runs: Sequence[RunValue],
    seeds: Sequence[GroupValue],
    *,
    n_left_out: int,
    recommendation: RecommendedLr | None,
    metric: str,
    direction: Direction,
) -> LrCurve:
    sign = 1.0 if direction == "min" else -1.0
    points = make_points(runs, seeds)
    usable = usable_points(points)
    losses = lower_is_better(usable, direction)
    x = np.log([point.learning_rate for point in usable])
    noise = estimate_noise(usable, int(np.argmin(losses))) if usable else None
    flat = is_flat(losses, noise)
    edge = classify_edge(points, usable, losses, noise, is_flat=flat)
    shape = classify_shape(usable, losses, noise)
    found = find_optimum(usable, x, losses, noise, edge, shape, sign)
    if edge == "soft" and found.u_test and found.u_test.is_confirmed:
        # All points together say more than the best one and the one at the end.
        edge, shape = "none", "u"
    regret = _regret(recommendation, points, found.fit, direction)
    n_running = sum(run.role == "pending" for run in runs)
    facts = CurveFacts(points, usable, losses, noise, edge, shape, found.interval, n_running)
    return LrCurve(
        metric=metric,
        direction=direction,
        group=group.group,
        label=group.label,
        points=points,
        n_runs=sum(run.role in ("value", "diverged") for run in runs),
        n_running=n_running,
        n_left_out=n_left_out,
        argmin_lr=found.argmin_lr,
        optimum_lr=found.optimum_lr,
        optimum_method=found.method,
        optimum_se_ln=found.se_ln,
        interval=found.interval,
        interval_method=found.interval_method,
        share_unbracketed=found.share_unbracketed,
        u_test=found.u_test,
        edge=edge,
        shape=shape,
        flat_region=flat_region(usable, x, losses, noise),
        recommendation=recommendation,
        regret_of_recommended=regret.relative,
        regret_of_recommended_absolute=regret.absolute,
        regret_method=regret.method,
        next_learning_rates=next_learning_rates(facts),
        noise=noise,
        fit=found.fit,
        lr_step=_typical_step(points),
        warnings=(*curve_warnings(facts), *group.warnings),
    )


def _regret(
    recommendation: RecommendedLr | None,
    points: Sequence[LrPoint],
    fit: LocalFit | None,
    direction: Direction,
) -> Regret:
    if recommendation is None:
        return Regret(None, None, "not computed: the runs name no model")
    if recommendation.learning_rate is None:
        return Regret(None, None, "not computed: no learning rate is recommended for this model")
    return regret_at(recommendation.learning_rate, points, fit, direction=direction)


def _recommend(columns: Mapping[str, Sequence[GroupValue]], rows: Sequence[int]) -> RecommendedLr | None:
    """Returns the published rule's answer for the model of a group, with what its runs recorded of that model."""
    first = rows[0]
    model = columns["model"][first]
    if not isinstance(model, str):
        return None
    hidden_size = columns["model_hidden_size"][first] if "model_hidden_size" in columns else None
    model_type = columns["model_type"][first] if "model_type" in columns else None
    return _recommend_once(
        model,
        hidden_size if isinstance(hidden_size, int) and hidden_size > 0 else None,
        model_type if isinstance(model_type, str) else None,
        columns["adapter"][first] in _NOT_LORA,
    )


@lru_cache(maxsize=1024)
def _recommend_once(model: str, hidden_size: int | None, model_type: str | None, full: bool) -> RecommendedLr:
    """Curves share few models, and the search for similar names of unknown ones is slow."""
    return recommend_lr(model, hidden_size=hidden_size, model_type=model_type, full=full, read_local=False)


def _typical_step(points: Sequence[LrPoint]) -> float | None:
    rates = [point.learning_rate for point in points]
    return float(np.median(np.divide(rates[1:], rates[:-1]))) if len(rates) > 1 else None
