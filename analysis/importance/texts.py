"""What is said about importances: computed from the numbers, never more than they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from analysis.importance.axes import Axis
from analysis.importance.estimate import FEWEST_PER_KEY, has_enough, is_full_grid
from analysis.importance.types import GroupImportance, Interval, KeyImportance, PairImportance, Scope
from analysis.runs.trials import Trial

_MUCH_UNEXPLAINED: Final = 0.5
_MOST: Final = 0.5
_MUCH_TOGETHER: Final = 0.05
_MOST_NAMED: Final = 5


def why_no_ranking(trials: Sequence[Trial], axes: Sequence[Axis], *, is_constant: bool = False) -> str:
    """Returns why there is nothing to rank, or an empty text."""
    if not any(math.isfinite(trial.mean) for trial in trials):
        return "No importance: no trial has a finite value." if trials else "No importance: there is no trial."
    if not axes:
        return "No importance: no hyperparameter varies between these trials."
    if len(axes) == 1:
        return f"Only {axes[0].key} varies between these trials: there is nothing to compare it with."
    if is_constant:
        return "No importance: every trial has the same value."
    if not has_enough(axes, len(trials)) and not is_full_grid(axes, len(trials)):
        return (
            f"No ranking: {len(trials)} trials are too few for {len(axes)} hyperparameters. "
            f"It takes {FEWEST_PER_KEY} for each, or every combination of their values."
        )
    return ""


def importance_summary(
    importances: Sequence[KeyImportance], pairs: Sequence[PairImportance], unexplained: float, noise: float | None
) -> str:
    """Returns what was found: the leaders, alone and in pairs, what is left over, and whether to believe the order.

    Args:
        importances: The largest first.
        pairs: The largest first.
        unexplained: 1 - sum of the main effects.
        noise: Share of the noise between seeds, or None.
    """
    first, second = importances[0], importances[1]
    if first.main >= _MOST:
        sentences = [f"{first.key} explains most of the difference between trials: {share_text(first)}."]
    else:
        sentences = [
            f"No single hyperparameter explains most of the difference between trials: "
            f"the first is {first.key} with {share_text(first)}."
        ]
    sentences.append(f"Next is {second.key} with {share_text(second)}.")
    if _overlap(first.interval, second.interval):
        sentences.append("Their intervals overlap, so their order is not certain.")
    if pairs and pairs[0].share > max(second.main, _MUCH_TOGETHER):
        one, other = pairs[0].keys
        sentences.append(f"{one} and {other} matter together: {percent(pairs[0].share)} beyond what each does alone.")
    of_noise = "" if noise is None else f"; new seeds alone would move {percent(noise)}"
    sentences.append(f"{percent(unexplained)} is left to interactions and noise{of_noise}.")
    return " ".join(sentences)


def share_text(item: KeyImportance) -> str:
    """Returns a share with its interval: `62 % (51 to 70 %)`."""
    if item.interval is None:
        return percent(item.main)
    low, high = item.interval
    return f"{percent(item.main)} ({100 * low:.0f} to {percent(high)})"


def percent(share: float) -> str:
    """Returns a share in whole percent; more digits are never known."""
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def importance_warnings(found: GroupImportance, left_out: Mapping[str, str], scope: Scope) -> GroupImportance:
    """Returns the importances with what to know before believing them."""
    warnings = []
    if found.n_diverged and scope == "all":
        n = found.n_diverged
        warnings.append(
            f"{n} of {found.n_trials} trials had a diverged run; {'it counts' if n == 1 else 'they count'} "
            "as worse than every other."
        )
    if found.unexplained is not None and found.unexplained > _MUCH_UNEXPLAINED:
        warnings.append(
            f"{percent(found.unexplained)} of the difference is not explained by any single hyperparameter: "
            "choosing them one at a time can miss the best combination."
        )
    if left_out:
        named = [f"{key} ({why})" for key, why in list(left_out.items())[:_MOST_NAMED]]
        more = f" and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
        warnings.append(f"Not counted as hyperparameters: {', '.join(named)}{more}.")
    tied = [f"{', '.join(item.tied)} with {item.key}" for item in found.importances if item.tied]
    if tied:
        warnings.append(f"Always changed together, so counted as one: {'; '.join(tied)}.")
    return replace(found, warnings=tuple(warnings))


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]
