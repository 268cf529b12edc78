"""What is said about picks by loss and by benchmarks: computed from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.benchmarks.choice_types import Gap, Pick
from analysis.number_format import format_value
from analysis.pareto.types import Objective


def choice_verdict(picks: Sequence[Pick], loss: Objective, margin: float, n: int) -> tuple[str, ...]:
    """Returns whether the picks agree, and by how much they do not.

    Args:
        picks: By loss, by benchmarks, and by benchmarks within the margin.
        loss: The loss.
        margin: As a share of the best loss.
        n: Candidates.
    """
    by_loss, by_benchmarks, within = picks
    if n == 1:
        return (f"Only one configuration has both {loss.name} and all benchmarks.",)
    best = f"{by_loss.name} ({loss.name} {format_value(by_loss.loss)}, benchmark mean {by_loss.benchmark_mean:.3f})"
    if by_benchmarks.trial_key == by_loss.trial_key:
        return (f"Loss and benchmarks name the same configuration: {best}.",)
    said = [
        f"The best {loss.name} has {best}, the best benchmark mean {_text(by_benchmarks, loss)}.",
        _judgement(by_benchmarks, loss),
    ]
    near = f"Within {100 * margin:g} % of the best {loss.name} the best benchmark mean"
    if within.trial_key == by_loss.trial_key:
        said.append(f"{near} is that of the best {loss.name} itself.")
    elif within.trial_key == by_benchmarks.trial_key:
        said.append(f"{near} is the same as without this limit.")
    else:
        said.append(f"{near} has {_text(within, loss)}.")
    return tuple(said)


def gap_text(gap: Gap, digits: int = 3) -> str:
    """Returns a difference with its interval, or without where there is none.

    >>> gap_text(Gap(0.02, -0.01, 0.05, "")), gap_text(Gap(-0.3, None, None, ""))
    ('+0.020 (-0.010 to +0.050)', '-0.300 (error unknown)')
    """
    if gap.low is None or gap.high is None:
        return f"{gap.value:+.{digits}f} (error unknown)"
    return f"{gap.value:+.{digits}f} ({gap.low:+.{digits}f} to {gap.high:+.{digits}f})"


def _text(pick: Pick, loss: Objective) -> str:
    gaps = ""
    if pick.score_gap is not None and pick.loss_gap is not None:
        gaps = f": {gap_text(pick.score_gap)} in the mean, {gap_text(pick.loss_gap, 4)} in {loss.name}"
    return f"{pick.name} ({loss.name} {format_value(pick.loss)}, benchmark mean {pick.benchmark_mean:.3f}{gaps})"


def _judgement(pick: Pick, loss: Objective) -> str:
    gap = pick.score_gap
    if gap is None or gap.low is None:
        return "Whether the benchmarks really tell them apart is unknown: a score has no known error."
    if not gap.is_clear:
        return "The benchmarks do not tell the two apart: their difference is within its 95 % interval of zero."
    return (
        f"The benchmarks tell the two apart, so {loss.name} alone would cost that much; the best of many is lucky, so "
        "the true difference is a little smaller."
    )
