"""Models as the points of a law: one optimum per model, and the family that shares an exponent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.recommendation.recommended_lr import family_of
from analysis.scaling.power_law import Law, fit_power_law, slope_points
from analysis.scaling.types import OptimumPoint, PowerLaw
from analysis.scaling.weighted_fit import Estimate, estimate


def family_name(model_type: str | None) -> str:
    """Returns whose exponent a model shares: the published rule's family, else its own type.

    >>> family_name("qwen3_moe"), family_name("gemma2"), family_name(None)
    ('qwen', 'gemma2', 'unknown')
    """
    return family_of(model_type) or model_type or "unknown"


def one_per_model(points: Sequence[OptimumPoint]) -> list[OptimumPoint]:
    """Returns one point per model: the weighted mean of its optima, labelled by its family.

    A model's optima at several ranks err together as far as the model goes, so that counting each of them would make a
    law look surer than it is. What differs between settings on average is taken out first, because not every model has
    all of them.
    """
    if not points:
        return []
    effects = _setting_effects(points)
    groups: dict[tuple[str | None, float], list[OptimumPoint]] = {}
    for point in points:
        groups.setdefault((point.model, point.x), []).append(point)
    found = []
    for members in groups.values():
        weights = np.array([1 / max(point.se_ln, 1e-6) ** 2 for point in members])
        logs = np.array([math.log(point.lr) - effects[point.label] for point in members])
        family = family_name(members[0].model_type)
        found.append(
            replace(
                members[0],
                setting={"family": family},
                label=family,
                lr=math.exp(float(weights @ logs / weights.sum())),
                se_ln=float(1 / math.sqrt(weights.sum())),
            )
        )
    return sorted(found, key=lambda point: (point.label, point.x, point.model or ""))


def fit_models(points: Sequence[OptimumPoint]) -> PowerLaw:
    """Returns the law over models, an intercept per family; models err independently of each other."""
    usable = slope_points(points)
    return fit_power_law(usable, clusters=["all"] * len(usable))


def predict(points: Sequence[OptimumPoint], x: float) -> Estimate:
    """Returns ln(lr) at a place of one family's law, with the error of a new model there (tau included)."""
    law = Law([replace(point, x=point.x / x) for point in points])
    found = estimate(law.design, law.residuals, law.weights, [0] * len(points), law.coefficients, "model")[0]
    return replace(found, se=math.hypot(found.se, law.tau) if found.dof else 0.0)


def _setting_effects(points: Sequence[OptimumPoint]) -> dict[str, float]:
    """Returns label of a setting -> its mean difference from the models' own means (0 where models have one each)."""
    labels = list(dict.fromkeys(point.label for point in points))
    models = list(dict.fromkeys(point.model for point in points))
    rows = np.zeros((len(points), len(labels) + len(models)))
    for row, point in enumerate(points):
        rows[row, labels.index(point.label)] = 1.0
        rows[row, len(labels) + models.index(point.model)] = 1.0
    # The smallest solution splits what cannot be told apart evenly, and needs no reference setting.
    logs = np.log([point.lr for point in points])
    centred = np.linalg.lstsq(rows, logs - np.mean(logs), rcond=None)[0][: len(labels)]
    return dict(zip(labels, (float(value) for value in centred - np.mean(centred)), strict=True))
