"""Optimal learning rate against batch size: one exponent or two, how sure, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.runs.direction import Direction
from analysis.scaling.axis import read_batch_axis
from analysis.scaling.collapse import fit_collapse
from analysis.scaling.hinge import fit_hinge
from analysis.scaling.points import ScalingPoints, read_points
from analysis.scaling.power_law import BATCH_RULES, compare_with_rules, fit_power_law, slope_points
from analysis.scaling.remarks import alone_in_setting, scaling_warnings, slopes_by_setting
from analysis.scaling.types import (
    Collapse,
    Held,
    Hinge,
    LeftOut,
    PowerLaw,
    RuleTest,
    SettingSlope,
)
from analysis.scaling.verdict import HELD_TEXTS, MIXED_BUDGETS, hinge_verdict, law_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScaling:
    """How the optimal learning rate scales with the batch size.

    Attributes:
        metric: What the learning rates were judged by.
        direction: Whether lower or higher values of it are better.
        batch_axis: `batch_size` or `batch_tokens`.
        batch_unit: What that counts.
        held_fixed: What was held fixed along the axis in every setting; None where it is not known or differs.
        law: The pooled power law; without an exponent where there is none.
        tests: The exponent against no scaling, the square root and linear.
        settings: Every setting with an optimum.
        left_out: Curves that give no optimum, and those that are alone in their setting.
        hinge: Two slopes with a break.
        collapse: Loss against LR / B^alpha.
        headline: What the numbers say, in one sentence or two.
        context: The unit of the batch axis and what was held fixed.
        warnings: Sentences.
    """

    metric: str
    direction: Direction
    batch_axis: str
    batch_unit: str
    held_fixed: Held | None
    law: PowerLaw
    tests: tuple[RuleTest, ...]
    settings: tuple[SettingSlope, ...]
    left_out: tuple[LeftOut, ...]
    hinge: Hinge
    collapse: Collapse
    headline: str
    context: str
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Headline and context."""
        return f"{self.headline} {self.context}"

    def to_json(self) -> dict[str, object]:
        """Returns the result under its documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "batch_axis": self.batch_axis,
            "batch_unit": self.batch_unit,
            "held_fixed": self.held_fixed,
            "alpha": self.law.alpha,
            "interval": list(self.law.interval) if self.law.interval else None,
            "interval_method": self.law.interval_method,
            "n_points": self.law.n_points,
            "n_left_out": len(self.left_out),
            "tau": self.law.tau,
            "tests": [test.to_json() for test in self.tests],
            "per_setting": [one.to_json(self.batch_axis) for one in self.settings],
            "left_out": [one.to_json(self.batch_axis) for one in self.left_out],
            "hinge": self.hinge.to_json(),
            "collapse": self.collapse.to_json(),
            "verdict": self.verdict,
            "warnings": list(self.warnings),
        }


def compute_batch_scaling(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    setting: Sequence[str] | None = None,
    batch_axis: str = "batch_size",
) -> BatchScaling:
    """Returns how the optimal learning rate scales with the batch size.

    Needs columns: as `compute_lr_curves`; the batch axis from the runs table or `config_json`.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        setting: Keys that make a setting, each with an intercept of its own; None takes everything that varies except
            the batch size and what follows from it.
        batch_axis: `batch_size` (sequences per step) or `batch_tokens` (trained tokens per step).

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `setting` names an unknown key or the axis, or there is no such batch axis.
    """
    found = read_points(
        results,
        metric=metric,
        direction=direction,
        make_axis=lambda columns: read_batch_axis(columns, batch_axis),
        setting=setting,
        by_budget=True,
    )
    sign = 1.0 if direction == "min" else -1.0
    usable = slope_points(found.points)
    kinds = {point.held for point in usable}
    held = next(iter(kinds)) if len(kinds) == 1 else None
    is_mixed = len(kinds - {None}) > 1
    pooled = [] if is_mixed else usable
    law = fit_power_law(pooled)
    tests = compare_with_rules(law, BATCH_RULES)
    settings = slopes_by_setting(found.points, sign)
    best_x = {one.label: one.best_x for one in settings}
    hinge = fit_hinge(pooled, [best_x[point.label] for point in pooled])
    left_out = (*found.left_out, *alone_in_setting(found.points, found.axis))
    return BatchScaling(
        metric=metric,
        direction=direction,
        batch_axis=found.axis.name,
        batch_unit=found.axis.unit,
        held_fixed=held,
        law=law,
        tests=tests,
        settings=settings,
        left_out=left_out,
        hinge=hinge,
        collapse=fit_collapse(pooled, sign=sign),
        headline=_headline(found, law, tests, hinge, is_mixed=is_mixed),
        context=_context(found, [] if is_mixed else list(kinds)),
        warnings=scaling_warnings(found, law, left_out),
    )


def _headline(found: ScalingPoints, law: PowerLaw, tests: Sequence[RuleTest], hinge: Hinge, *, is_mixed: bool) -> str:
    if is_mixed:
        return MIXED_BUDGETS
    if not found.points and not found.left_out:
        return "No finished run has both a learning rate and a batch size."
    if len({*(one.x for one in found.points), *(one.x for one in found.left_out)}) == 1:
        return "There is one batch size only, so nothing can be said about scaling."
    if hinge.is_better:
        return hinge_verdict(hinge)
    return law_verdict(law, tests, noun="batch", too_few="Too few batch sizes inside the grid to say.")


def _context(found: ScalingPoints, kinds: Sequence[Held | None]) -> str:
    """Returns the unit, and what was held fixed in the settings of the fit (none where they are not pooled)."""
    sentences = [f"Batch is counted in {found.axis.unit}."]
    known = [kind for kind in kinds if kind is not None]
    if kinds:
        sentences.append(HELD_TEXTS[known[0] if known else None])
    if known and len(kinds) > 1:
        sentences.append("Not every setting says so.")
    return " ".join(sentences)
