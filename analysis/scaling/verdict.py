"""What a scaling law says, in plain sentences that follow from the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from analysis.number_format import format_tried_lr
from analysis.scaling.power_law import MARGIN
from analysis.scaling.types import Held, Hinge, Interval, PowerLaw, RuleTest

# A slope this small is called flat (our choice: the margin of the rules).
_FLAT: Final = MARGIN
HELD_TEXTS: Final[dict[Held | None, str]] = {
    "tokens": "Trained tokens were held fixed, so a larger batch took fewer steps.",
    "steps": "Steps were held fixed, so a larger batch saw more data.",
    "epochs": "Epochs were held fixed, so a larger batch took fewer steps.",
    None: "Nothing in the runs says whether tokens or steps were held fixed.",
}
MIXED_BUDGETS: Final = (
    "Settings differ in what they hold fixed (tokens, steps or epochs), and the exponent differs with it, so that no "
    "common one is given. Narrow the runs to one kind."
)


def law_verdict(law: PowerLaw, tests: Sequence[RuleTest], *, noun: str, too_few: str) -> str:
    """Returns what a single power law says: exponent, interval, and the rules that hold or are ruled out."""
    if law.alpha is None:
        return too_few
    exponent = format_exponent(law.alpha)
    size = f"LR {'grows' if law.alpha >= 0 else 'falls'} like {noun}^{exponent}"
    if float(exponent) == 0:
        size = f"LR stays the same over {noun}, exponent {exponent.removeprefix('-')}"
    if law.interval is None:
        return f"{size}, but how sure that is nobody can say ({law.interval_method.removeprefix('none: ')})."
    sentence = f"{size} (95 % {range_text(law.interval)})"
    judged = _judge(tests)
    return f"{sentence}: {judged}." if judged else f"{sentence}."


def hinge_verdict(hinge: Hinge) -> str:
    """Returns what a hinge says that beats the power law."""
    if hinge.alpha_below is None or hinge.alpha_above is None or hinge.break_batch_size is None:
        return ""
    at = _break_text(hinge)
    below, above = _slope_text(hinge.alpha_below), _slope_text(hinge.alpha_above)
    return f"One power law does not fit: {below} below {at}, {above} above."


def bounds_verdict(n_against: int, n_bounds: int) -> str | None:
    """Returns what the optima at an edge, which only bound the truth, say of the fitted law."""
    if n_bounds == 0:
        return None
    if n_against == 0:
        return (
            f"All {n_bounds} left-out edge optima agree with the fitted line."
            if n_bounds > 1
            else ("The left-out edge optimum agrees with the fitted line.")
        )
    return (
        f"{n_against} of {n_bounds} left-out edge optima lie beyond the fitted line: "
        "leaving them out bends the exponent; widen the learning rates there."
    )


def format_exponent(value: float) -> str:
    """Returns an exponent with two decimals and without a negative zero."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def range_text(interval: Interval) -> str:
    """Returns an interval of exponents as text."""
    return f"{format_exponent(interval[0])} to {format_exponent(interval[1])}"


def number_text(value: float) -> str:
    """Returns a batch size or width: three digits, no exponent where it reads well.

    >>> number_text(64.2), number_text(1536.0), number_text(2.31)
    ('64', '1,536', '2.3')
    """
    if value >= 1e6:
        return format_tried_lr(value)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _judge(tests: Sequence[RuleTest]) -> str:
    held = [test.rule for test in tests if test.is_equivalent]
    possible = [test.rule for test in tests if test.in_interval and not test.is_equivalent]
    out = [test.rule for test in tests if test.in_interval is False and not test.is_equivalent]
    parts = [f"{_rule_text(rule)} holds within {MARGIN:g}" for rule in held]
    if possible:
        verb = "is" if len(possible) == 1 else "are"
        parts.append(f"{_and([_rule_text(rule) for rule in possible])} {verb} neither shown nor ruled out")
    if out:
        parts.append(f"{_and([_rule_text(rule) for rule in out])} {'is' if len(out) == 1 else 'are'} ruled out")
    return "; ".join(parts)


def _rule_text(rule: str) -> str:
    return _RULES.get(rule, rule)


_RULES: Final = {"no scaling": "no scaling", "square root": "the square-root rule", "linear": "linear scaling"}


def _slope_text(slope: float) -> str:
    return "flat" if abs(slope) < _FLAT else format_exponent(slope)


def _break_text(hinge: Hinge) -> str:
    if hinge.relative and hinge.break_ratio is not None:
        ratio = hinge.break_ratio
        if abs(math.log(ratio)) < math.log(1.25):
            return "each setting's best batch size"
        return f"{ratio:.2g} times each setting's best batch size"
    return f"batch {number_text(hinge.break_batch_size or math.nan)}"


def _and(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
