"""Optimal learning rate against anything else: the model's width or parameters, the LoRA rank, any numeric key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.errors import FilterError
from analysis.recommendation.recommended_lr import EXPONENTS
from analysis.runs.configuration import read_configurations
from analysis.runs.direction import Direction
from analysis.scaling.axis import read_axis
from analysis.scaling.models import family_name, fit_models, one_per_model
from analysis.scaling.points import ScalingPoints, read_points
from analysis.scaling.power_law import compare_with_rules, fit_power_law, slope_points
from analysis.scaling.remarks import alone_in_setting, scaling_warnings, slopes_by_setting
from analysis.scaling.types import LeftOut, OptimumPoint, PowerLaw, RuleTest, SettingSlope
from analysis.scaling.verdict import format_exponent, law_verdict, range_text

NO_EFFECT: Final = {"no dependence": 0.0}
_MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLaw:
    """The exponent of one family of models.

    Attributes:
        family: Its name.
        law: Its own law.
        n_models: Models in it.
        published: The exponent of the published rule of the family, None where there is none.
        test: The own exponent against the published one.
    """

    family: str
    law: PowerLaw
    n_models: int
    published: float | None
    test: RuleTest | None

    def to_json(self) -> dict[str, object]:
        """Returns the family under its documented JSON keys."""
        return {
            "family": self.family,
            "exponent": self.law.alpha,
            "interval": list(self.law.interval) if self.law.interval else None,
            "interval_method": self.law.interval_method,
            "n_points": self.law.n_points,
            "n_models": self.n_models,
            "published_exponent": self.published,
            "published_in_interval": self.test.in_interval if self.test else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LrScaling:
    """How the optimal learning rate scales with something.

    Attributes:
        metric: What the learning rates were judged by.
        direction: Whether lower or higher values of it are better.
        against: The axis.
        unit: What it counts.
        by_model: Whether the axis follows from the model, so that models are the points of the law.
        law: The pooled law.
        tests: Its exponent against no dependence.
        families: One law per family of models.
        settings: What the law is fitted to, by setting (by family where models are the points).
        left_out: Curves that give no optimum, and those that are alone in their setting.
        models_left_out: Models without a number on the axis, with the reason.
        verdict: Sentences.
        warnings: Sentences.
    """

    metric: str
    direction: Direction
    against: str
    unit: str
    by_model: bool
    law: PowerLaw
    tests: tuple[RuleTest, ...]
    families: tuple[FamilyLaw, ...]
    settings: tuple[SettingSlope, ...]
    left_out: tuple[LeftOut, ...]
    models_left_out: tuple[tuple[str, str], ...]
    verdict: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the result under its documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "against": self.against,
            "unit": self.unit,
            "exponent": self.law.alpha,
            "interval": list(self.law.interval) if self.law.interval else None,
            "interval_method": self.law.interval_method,
            "n_points": self.law.n_points,
            "n_left_out": len(self.left_out),
            "tests": [test.to_json() for test in self.tests],
            "families": [one.to_json() for one in self.families],
            "per_setting": [one.to_json(self.against) for one in self.settings],
            "left_out": [one.to_json(self.against) for one in self.left_out],
            "models_left_out": [{"model": model, "reason": reason} for model, reason in self.models_left_out],
            "verdict": self.verdict,
            "warnings": list(self.warnings),
        }


def compute_lr_scaling(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    against: str = "hidden_size",
    setting: Sequence[str] | None = None,
) -> LrScaling:
    """Returns how the optimal learning rate scales with the model's width, the LoRA rank, or a configuration key.

    Needs columns: as `compute_lr_curves`; what it scales against from the runs table, `config_json` or, for
    `hidden_size`, the table of known models.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        against: `hidden_size`, `params`, `lora_rank` or any numeric key of the configuration.
        setting: Keys that make a setting, each with an intercept of its own; None takes everything that varies except
            the axis and what follows from it.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: no run has a number under `against`, or `setting` names an unknown key or the axis.
    """
    found = read_points(
        results,
        metric=metric,
        direction=direction,
        make_axis=lambda columns: read_axis(columns, against),
        setting=setting,
        by_budget=False,
    )
    by_model = found.axis.group_key == "model"
    points = one_per_model(found.points) if by_model else slope_points(found.points)
    law = fit_models(points) if by_model else fit_power_law(points)
    families = _families(points, by_model=by_model, against=against)
    left_out = (*found.left_out, *(() if by_model else alone_in_setting(found.points, found.axis)))
    models = _models_left_out(results, found)
    tests = compare_with_rules(law, NO_EFFECT)
    return LrScaling(
        metric=metric,
        direction=direction,
        against=against,
        unit=found.axis.unit,
        by_model=by_model,
        law=law,
        tests=tests,
        families=families,
        settings=slopes_by_setting(points if by_model else found.points, 1.0 if direction == "min" else -1.0),
        left_out=left_out,
        models_left_out=models,
        verdict=" ".join(_verdict(law, tests, families if by_model else (), against)),
        warnings=(*_model_warnings(models), *scaling_warnings(found, law, left_out)),
    )


def find_lr_axes(results: pd.DataFrame, *, metric: str, direction: Direction = "min") -> list[str]:  # noqa: ARG001
    """Returns which of `hidden_size`, `lora_rank` and `params` have two values or more; arguments as the analysis."""
    columns = read_configurations(results)
    found = []
    for name in ("hidden_size", "lora_rank", "params"):
        try:
            values = set(read_axis(columns, name).values) - {None}
        except FilterError:
            continue
        found += [name] if len(values) > 1 else []
    return found


def _families(points: Sequence[OptimumPoint], *, by_model: bool, against: str) -> tuple[FamilyLaw, ...]:
    names = sorted({family_name(point.model_type) for point in points})
    found = []
    for name in names:
        members = [point for point in points if family_name(point.model_type) == name]
        law = fit_models(members) if by_model else fit_power_law(slope_points(members))
        published = _published(name) if against == "hidden_size" else None
        test = compare_with_rules(law, {"published": published})[0] if published is not None else None
        n_models = len({point.model for point in members})
        found.append(FamilyLaw(family=name, law=law, n_models=n_models, published=published, test=test))
    return tuple(found)


def _published(family: str) -> float | None:
    return next((-exponent for name, exponent in EXPONENTS.items() if name == family), None)


def _models_left_out(results: pd.DataFrame, found: ScalingPoints) -> tuple[tuple[str, str], ...]:
    columns = read_configurations(results)
    values = read_axis(columns, found.axis.name).values
    inside = {model for model, value in zip(columns["model"], values, strict=True) if value is not None}
    outside = {str(model) for model in columns["model"] if model is not None and model not in inside}
    used = {point.model for point in found.points}
    no_number = f"{found.axis.name} is neither recorded (config key model_hidden_size) nor known"
    if found.axis.name != "hidden_size":
        no_number = f"the runs record no {found.axis.name}"
    no_optimum = "no curve has an optimum inside the grid"
    return (
        *((model, no_number) for model in sorted(outside)),
        *((str(model), no_optimum) for model in sorted(map(str, inside - {None})) if model not in used),
    )


def _model_warnings(models: Sequence[tuple[str, str]]) -> list[str]:
    reasons = dict.fromkeys(reason for _, reason in models)
    return [
        f"{len(names)} {'model is' if len(names) == 1 else 'models are'} left out ({_some(names)}): {reason}."
        for reason in reasons
        if (names := [model for model, why in models if why == reason])
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def _verdict(law: PowerLaw, tests: Sequence[RuleTest], families: Sequence[FamilyLaw], against: str) -> list[str]:
    known = [one for one in families if one.law.alpha is not None]
    if len(known) == 1 and len(families) == 1 and known[0].published is not None:
        return [_family_text(known[0])]
    sentences = [law_verdict(law, tests, noun=against, too_few=f"Too few values of {against} inside the grid to say.")]
    return sentences + [_family_text(one) for one in known if one.published is not None or len(known) > 1]


def _family_text(one: FamilyLaw) -> str:
    alpha = format_exponent(one.law.alpha or 0.0)
    if one.law.interval is None:
        size = f"{one.family}: exponent {alpha} from {one.law.n_points} points, without an interval"
    else:
        size = f"{one.family}: exponent {alpha} (95 % {range_text(one.law.interval)})"
    if one.published is None or one.test is None:
        return f"{size}."
    published = f"Tinker's published {one.published:g}"
    if one.test.in_interval is None:
        return f"{size}; {published} can be neither confirmed nor ruled out."
    return f"{size}; {published} is {'inside it' if one.test.in_interval else 'ruled out'}."
