"""What a rule for the learning rate would have cost in every sweep at hand: its regret, curve by curve."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from analysis.errors import ConfigError
from analysis.lr_curves.compute import compute_lr_curves
from analysis.lr_curves.interpolation import Regret, regret_at
from analysis.lr_curves.regret_types import CurveRegret, RegretSummary, RuleRegret
from analysis.lr_curves.seed_halves import regret_by_halves
from analysis.lr_curves.types import LrCurve
from analysis.number_format import format_percent, format_tried_lr
from analysis.runs.configuration import GroupValue
from analysis.runs.direction import Direction

__all__ = ["CurveRegret", "RegretSummary", "Rule", "RuleRegret", "compute_rule_regret"]

Rule = Literal["tinker"]

THRESHOLD: Final = 0.005
"""Share of the loss below which a regret is small: what Tinker's guide reports for its rule."""
_RANK: Final = "lora_rank"


def compute_rule_regret(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    rule: Rule = "tinker",
    learning_rate: float | None = None,
    factor: float = 1.0,
    threshold: float = THRESHOLD,
    group_by: Sequence[str] | None = None,
    diverged_above: float | None = None,
) -> RuleRegret:
    """Returns the regret of a rule or of one learning rate on every U-curve of a results table.

    It is interpolated between the learning rates tried; where it would have to be extrapolated, or a run diverged next
    to it, it is refused, counted and explained.

    Needs columns: those of `compute_lr_curves`.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        rule: Whose learning rate to judge.
        learning_rate: One learning rate for all curves instead of a rule.
        factor: Multiplies what the rule says, or the learning rate.
        threshold: Relative regrets below this are small.
        group_by: As `compute_lr_curves`.
        diverged_above: As `compute_lr_curves`.

    Raises:
        ConfigError: a learning rate, factor or threshold that is not positive.
        SchemaError: a needed column is missing.
        FilterError: `group_by` names a key that no run has.
    """
    _check_positive(learning_rate=learning_rate, factor=factor, threshold=threshold)
    curves = compute_lr_curves(
        results, metric=metric, group_by=group_by, direction=direction, diverged_above=diverged_above
    )
    found = [_judge(curve, learning_rate, factor) for curve in curves if curve.points]
    per_curve = _compare_ranks(found)
    summary = summarise([item.regret for item in per_curve], threshold)
    of_best_rank = [item.regret_best_rank for item in per_curve]
    absolute = [item.regret_absolute for item in per_curve if item.regret_absolute is not None]
    halves = [item.regret_halves for item in per_curve if item.regret_halves is not None]
    return RuleRegret(
        metric=metric,
        direction=direction,
        rule=_name(rule, learning_rate, factor),
        threshold=threshold,
        n_curves=len(per_curve),
        n_refused=sum(item.regret_absolute is None for item in per_curve),
        refusals=dict(Counter(item.method for item in per_curve if item.regret_absolute is None)),
        inside_rank=summary,
        best_rank=summarise(of_best_rank, threshold) if any(value is not None for value in of_best_rank) else None,
        median_absolute=float(np.median(absolute)) if absolute else None,
        max_absolute=max(absolute, default=None),
        median_halves=float(np.median(halves)) if halves else None,
        per_curve=per_curve,
        notes=_notes(per_curve, summary, halves),
    )


def summarise(regrets: Sequence[float | None], threshold: float) -> RegretSummary:
    """Returns median, maximum and the share below a threshold of the regrets that could be computed."""
    known = [regret for regret in regrets if regret is not None]
    if not known:
        return RegretSummary(n_curves=0, share_below=None, median=None, max=None)
    below = sum(regret < threshold for regret in known) / len(known)
    return RegretSummary(n_curves=len(known), share_below=below, median=float(np.median(known)), max=max(known))


def _judge(curve: LrCurve, learning_rate: float | None, factor: float) -> tuple[LrCurve, CurveRegret, Regret]:
    base = curve.recommended_lr if learning_rate is None else learning_rate
    if base is None:
        rate, regret = None, Regret(None, None, _why_no_rate(curve))
    else:
        rate = base * factor
        regret = regret_at(rate, curve.points, curve.fit, direction=curve.direction)
    halves = None
    if rate is not None and regret.absolute is not None:
        halves = regret_by_halves(rate, curve.points, curve.direction)
    judged = CurveRegret(
        group=curve.group,
        label=curve.label,
        learning_rate=rate,
        regret=regret.relative,
        regret_absolute=regret.absolute,
        regret_best_rank=None,
        regret_halves=halves,
        method=regret.method,
        argmin_lr=curve.argmin_lr,
        edge=curve.edge,
        n_runs=curve.n_runs,
    )
    return curve, judged, regret


def _compare_ranks(found: Sequence[tuple[LrCurve, CurveRegret, Regret]]) -> tuple[CurveRegret, ...]:
    """Adds the regret against the lowest loss of any rank, for curves that differ in their rank only."""
    lowest: dict[tuple[tuple[str, GroupValue], ...], list[float]] = defaultdict(list)
    for curve, _, regret in found:
        if _RANK in curve.group and curve.best_mean is not None:
            of_curve = curve.best_mean if regret.lowest is None else regret.lowest
            lowest[_without_rank(curve.group)].append(of_curve)
    compared = []
    for curve, judged, regret in found:
        best = min(lowest.get(_without_rank(curve.group), []), default=None)
        if best is None or best <= 0 or judged.regret is None or regret.lowest is None or regret.absolute is None:
            compared.append(judged)
        else:
            compared.append(replace(judged, regret_best_rank=(regret.lowest + regret.absolute - best) / best))
    return tuple(compared)


def _without_rank(group: Mapping[str, GroupValue]) -> tuple[tuple[str, GroupValue], ...]:
    return tuple((key, value) for key, value in group.items() if key != _RANK)


def _why_no_rate(curve: LrCurve) -> str:
    if curve.recommendation is None:
        return "not computed: the runs name no model"
    return "not computed: no learning rate is recommended for this model"


def _name(rule: Rule, learning_rate: float | None, factor: float) -> str:
    base = rule if learning_rate is None else f"learning rate {format_tried_lr(learning_rate)}"
    return base if factor == 1 else f"{factor:g} x {base}"


def _notes(per_curve: Sequence[CurveRegret], summary: RegretSummary, halves: Sequence[float]) -> tuple[str, ...]:
    notes = []
    if not any(item.regret_absolute is not None for item in per_curve):
        return ()
    if halves:
        notes.append(
            "The lowest of several noisy means is too low by chance, which makes regret too high. Choosing the best "
            f"learning rate on half of the seeds and measuring on the other half gives a median of "
            f"{float(np.median(halves)):.2g} in the metric's unit, over the {len(halves)} curves with replicates."
        )
    else:
        notes.append(
            "No curve has replicates at all learning rates: the lowest of several noisy values is too low by chance, "
            "so regret is too high by an unknown amount."
        )
    edges = sum(item.edge in ("low", "high") and item.regret_absolute is not None for item in per_curve)
    if edges:
        notes.append(
            f"In {edges} of the curves the best learning rate is at an edge of the grid: their regret is too low."
        )
    if summary.median is not None and summary.max is not None and summary.max > 10 * max(summary.median, THRESHOLD):
        worst = max(per_curve, key=lambda item: item.regret or 0.0)
        notes.append(f"One curve stands out: {worst.label}, with {format_percent(worst.regret)}.")
    return tuple(notes)


def _check_positive(**numbers: float | None) -> None:
    for name, value in numbers.items():
        if value is not None and not 0 < value < np.inf:
            raise ConfigError(f"{name} must be a positive number, got {value:g}.")
