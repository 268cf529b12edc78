"""What every scaling analysis says beside its exponent: each setting's own slope, what was left out, what is mixed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from analysis.scaling.axis import Axis
from analysis.scaling.points import ScalingPoints
from analysis.scaling.power_law import fit_power_law, slope_points
from analysis.scaling.types import LeftOut, OptimumPoint, PowerLaw, SettingSlope
from analysis.scaling.verdict import bounds_verdict


def slopes_by_setting(points: Sequence[OptimumPoint], sign: float) -> tuple[SettingSlope, ...]:
    """Returns each setting with its own exponent; `sign` is -1 where higher values of the metric are better."""
    groups: dict[str, list[OptimumPoint]] = {}
    for point in points:
        groups.setdefault(point.label, []).append(point)
    return tuple(
        SettingSlope(
            setting=members[0].setting,
            label=label,
            held=members[0].held,
            law=fit_power_law(slope_points(members)),
            best_x=min(members, key=lambda point: (sign * point.best_value, point.x)).x,
            points=tuple(members),
        )
        for label, members in groups.items()
    )


def alone_in_setting(points: Sequence[OptimumPoint], axis: Axis) -> tuple[LeftOut, ...]:
    """Returns the optima that say nothing of a slope, because their setting has one place only."""
    usable = {id(point) for point in slope_points(points)}
    reason = f"the only {axis.name} of its setting with an optimum inside the grid"
    return tuple(
        LeftOut(setting=one.setting, label=one.label, x=one.x, reason=reason, bound=None, bound_lr=None)
        for one in points
        if id(one) not in usable
    )


def scaling_warnings(found: ScalingPoints, law: PowerLaw, left_out: Sequence[LeftOut]) -> tuple[str, ...]:
    """Returns sentences on what was left out, whether its bounds agree with the law, and what is mixed."""
    sentences = []
    if left_out:
        counts = Counter(one.reason for one in left_out)
        reasons = "; ".join(f"{reason} ({n})" for reason, n in sorted(counts.items(), key=lambda item: -item[1]))
        n = len(left_out)
        sentences.append(f"{n} {'curve is' if n == 1 else 'curves are'} left out: {reasons}.")
    against = [_is_against(one, law) for one in left_out]
    said = bounds_verdict(against.count(True), len(against) - against.count(None))
    if said:
        sentences.append(said)
    n = found.n_rows_without_axis
    if n:
        sentences.append(f"{n} {'run has' if n == 1 else 'runs have'} no {found.axis.name}.")
    return (*sentences, *found.warnings)


def _is_against(one: LeftOut, law: PowerLaw) -> bool | None:
    """Whether a bound contradicts the fitted law; None where there is no bound or no law for its setting."""
    if one.bound_lr is None or one.x is None or law.alpha is None or one.label not in law.intercepts:
        return None
    predicted = law.intercepts[one.label] + law.alpha * math.log(one.x)
    bound = math.log(one.bound_lr)
    return predicted < bound - 1e-9 if one.bound == "at_least" else predicted > bound + 1e-9
