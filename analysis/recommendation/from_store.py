"""A learning rate for a model from the store's own sweeps: its family's own law, else the published rule, shifted.

With three models of the family or more, `ln lr = a - P ln hidden_size` is fitted to their optima. With fewer (or with
one width only) the published rule keeps its exponent and is multiplied by what the store's models need on average. A
family without a published rule and with fewer than three models gets no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from analysis.recommendation.recommended_lr import (
    EXPONENTS,
    REFERENCE_HIDDEN_SIZE,
    Family,
    RecommendedLr,
    recommend_lr,
    rule_lr,
)
from analysis.runs.configuration import read_configurations
from analysis.runs.direction import Direction
from analysis.scaling.axis import hidden_sizes, model_types, read_axis
from analysis.scaling.models import family_name, fit_models, one_per_model, predict
from analysis.scaling.points import ScalingPoints, read_points
from analysis.scaling.power_law import steady_errors
from analysis.scaling.types import Interval, OptimumPoint
from analysis.scaling.weighted_fit import Estimate, estimate, moment_tau2, solve

MIN_MODELS: Final = 3
_NOT_LORA: Final = frozenset({"full", "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecommendation:
    """A recommendation from the store's runs.

    Attributes:
        recommended: The recommendation; its learning rate, formula and warnings are those of the store.
        method: How the number was made, or why there is none.
        interval: 95 % interval of a model's optimum by this method, or None.
        interval_method: Its method, or why there is none.
        exponent: Exponent of the width that was used, None where there is no number.
        offset: What the published rule was multiplied by, None where it was not used.
        models: The models behind the number.
        own_lr: The model's own optimum in the store (mean over its curves), None where it has none.
    """

    recommended: RecommendedLr
    method: str
    interval: Interval | None
    interval_method: str
    exponent: float | None
    offset: float | None
    models: tuple[str, ...]
    own_lr: float | None

    def to_json(self) -> dict[str, object]:
        """Returns the keys of a published recommendation and those that say where this one comes from."""
        return {
            **self.recommended.to_json(),
            "method": self.method,
            "interval": list(self.interval) if self.interval else None,
            "interval_method": self.interval_method,
            "exponent": self.exponent,
            "offset": self.offset,
            "n_models": len(self.models),
            "models": list(self.models),
            "own_lr": self.own_lr,
        }


def recommend_from_store(
    results: pd.DataFrame,
    model_id: str,
    *,
    metric: str,
    direction: Direction = "min",
    hidden_size: int | None = None,
    model_type: str | None = None,
    full: bool = False,
) -> StoreRecommendation:
    """Returns the learning rate that the store's own sweeps of a model's family say.

    Needs columns: as `compute_lr_curves`.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        model_id: The model, as for `recommend_lr`.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        hidden_size: Width of the model, where it is not known.
        model_type: transformers' type of the model, where it is not known.
        full: For full fine-tuning: only the store's full runs count, else only those with an adapter.

    Raises:
        UcurveError: a local model configuration cannot be read.
        SchemaError: a needed column is missing.
    """
    width, kind = _recorded(results, model_id)
    base = recommend_lr(model_id, hidden_size=hidden_size or width, model_type=model_type or kind, full=full)
    name = family_name(base.model_type)
    found = _read(results, metric, direction, full=full)
    optima = one_per_model(found.points)
    evidence = _Evidence(
        base=base,
        width=base.hidden_size or 0,
        family=tuple(point for point in optima if point.label == name and name != "unknown"),
        own_lr=next((point.lr for point in optima if point.model == model_id), None),
        remarks=(
            *_mixed([point for point in found.points if family_name(point.model_type) == name]),
            *(warning for warning in found.warnings if "change" in warning),
        ),
    )
    n_models = len(evidence.family)
    if base.hidden_size is None:
        return _refuse(evidence, "the width of the model is not known (--hidden-size)")
    if n_models >= MIN_MODELS and len({point.x for point in evidence.family}) > 1:
        return _by_fit(evidence)
    if base.family is not None and evidence.family:
        return _by_offset(evidence, base.family, full=full)
    return _refuse(
        evidence, f"the store has optima of {n_models} models of the family '{name}', a fit needs {MIN_MODELS}"
    )


def _mixed(points: Sequence[OptimumPoint]) -> tuple[str, ...]:
    """Returns a sentence on what differs between the settings that are averaged, where anything does."""
    keys = dict.fromkeys(key for point in points for key in point.setting)
    varying = [key for key in keys if len({point.setting.get(key) for point in points}) > 1]
    if not varying:
        return ()
    return (f"The number is a mean over settings that differ in {', '.join(varying)}; narrow them with --where.",)


def _recorded(results: pd.DataFrame, model_id: str) -> tuple[int | None, str | None]:
    """Returns width and type that the store's runs of a model recorded, for models that are not known here."""
    columns = read_configurations(results)
    rows = [row for row, model in enumerate(columns["model"]) if model == model_id]
    sizes, types = hidden_sizes(columns), model_types(columns)
    width = next((size for row in rows if (size := sizes[row]) is not None), None)
    return (None if width is None else round(width)), next((types[row] for row in rows if types[row]), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What a recommendation is made of: the model, its width, its family's optima, its own optimum, and remarks."""

    base: RecommendedLr
    width: int
    family: tuple[OptimumPoint, ...]
    own_lr: float | None
    remarks: tuple[str, ...]


def _read(results: pd.DataFrame, metric: str, direction: Direction, *, full: bool) -> ScalingPoints:
    adapters = read_configurations(results)["adapter"]
    wanted = [(adapter in _NOT_LORA) == full for adapter in adapters]
    return read_points(
        results[np.array(wanted, dtype=bool)],
        metric=metric,
        direction=direction,
        make_axis=lambda columns: read_axis(columns, "hidden_size"),
        setting=None,
        by_budget=False,
    )


def _by_fit(evidence: _Evidence) -> StoreRecommendation:
    family = evidence.family
    law = fit_models(family)
    exponent = law.alpha or 0.0
    reference = math.exp(law.intercepts[family[0].label] + exponent * math.log(REFERENCE_HIDDEN_SIZE))
    return _answer(
        evidence,
        predict(family, evidence.width),
        method=f"own fit over {len(family)} models of the family in the store",
        formula=f"{reference:.4g} * ({REFERENCE_HIDDEN_SIZE} / {evidence.width}) ** {-exponent:.4g}",
        exponent=exponent,
        offset=None,
        is_calibrated=True,
    )


def _by_offset(evidence: _Evidence, rule: Family, *, full: bool) -> StoreRecommendation:
    n_models = len(evidence.family)
    shift = _shift(evidence.family, rule, full=full)
    models = "1 model" if n_models == 1 else f"{n_models} models"
    return _answer(
        evidence,
        replace(shift, value=shift.value + math.log(rule_lr(rule, evidence.width, full=full))),
        method=f"published rule times what {models} in the store {'needs' if n_models == 1 else 'need'}",
        formula=f"{evidence.base.formula} * {math.exp(shift.value):.4g}",
        exponent=-EXPONENTS[rule],
        offset=math.exp(shift.value),
        is_calibrated=evidence.base.calibrated,
    )


def _shift(family: Sequence[OptimumPoint], rule: Family, *, full: bool) -> Estimate:
    """Returns the mean of ln(optimum / published rule) over models, with the error of a new model's."""
    shifts = np.array([math.log(point.lr / rule_lr(rule, round(point.x), full=full)) for point in family])
    se = steady_errors([point.se_ln for point in family])
    design = np.ones((len(family), 1))
    tau2 = moment_tau2(design, shifts, se) if len(family) > 1 else 0.0
    weights = 1 / (se**2 + tau2)
    values = solve(design, shifts, weights)
    (found,) = estimate(design, shifts - values[0], weights, [0] * len(family), values, "model")
    if found.dof == 0:
        reason = f"none: how models differ shows from {MIN_MODELS} models on, the store has {len(family)}"
        return replace(found, method=reason)
    return replace(found, se=math.hypot(found.se, math.sqrt(tau2)))


def _answer(
    evidence: _Evidence,
    found: Estimate,
    *,
    method: str,
    formula: str,
    exponent: float,
    offset: float | None,
    is_calibrated: bool,
) -> StoreRecommendation:
    return StoreRecommendation(
        recommended=replace(
            evidence.base,
            learning_rate=math.exp(found.value),
            formula=formula,
            nearest_rule=None,
            calibrated=is_calibrated,
            warnings=(*_width_warning(evidence), *evidence.remarks),
        ),
        method=method,
        interval=(math.exp(found.interval[0]), math.exp(found.interval[1])) if found.interval else None,
        interval_method=found.method,
        exponent=exponent,
        offset=offset,
        models=_names(evidence),
        own_lr=evidence.own_lr,
    )


def _refuse(evidence: _Evidence, reason: str) -> StoreRecommendation:
    warning = f"No recommendation: {reason}."
    return StoreRecommendation(
        recommended=replace(evidence.base, learning_rate=None, formula=None, calibrated=False, warnings=(warning,)),
        method=f"none: {reason}",
        interval=None,
        interval_method=f"none: {reason}",
        exponent=None,
        offset=None,
        models=_names(evidence),
        own_lr=evidence.own_lr,
    )


def _names(evidence: _Evidence) -> tuple[str, ...]:
    return tuple(str(point.model) for point in evidence.family)


def _width_warning(evidence: _Evidence) -> tuple[str, ...]:
    low, high = min(point.x for point in evidence.family), max(point.x for point in evidence.family)
    if low <= evidence.width <= high:
        return ()
    return (f"Width {evidence.width} lies outside what the store has of this family ({low:.0f} to {high:.0f}).",)
