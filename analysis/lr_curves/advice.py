"""What to try next, and what a careful reader should know of a curve before using its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.lr_curves.forms import FloatArray
from analysis.lr_curves.points import SAME_LR
from analysis.lr_curves.shape import soft_sides
from analysis.lr_curves.types import Edge, LrPoint, Noise, Shape
from analysis.number_format import format_tried_lr

# How far to go beyond an edge, and the spacing below which a finer grid tells little (our choices).
_EXTEND: Final = 3.0
_FINE_STEP: Final = 1.5


@dataclass(frozen=True, slots=True)
class CurveFacts:
    """What is known of a curve once its minimum was looked for; `losses` are lower-is-better means of `usable`."""

    points: Sequence[LrPoint]
    usable: Sequence[LrPoint]
    losses: FloatArray
    noise: Noise | None
    edge: Edge
    shape: Shape
    interval: tuple[float, float] | None
    n_running: int


def next_learning_rates(facts: CurveFacts) -> tuple[float, ...]:
    """Returns the learning rates worth trying next, ascending, to three digits; empty where the grid is fine enough."""
    if not facts.points:
        return ()
    tried = [point.learning_rate for point in facts.points]
    if not facts.usable:
        return (_rounded(tried[0] / _EXTEND**2), _rounded(tried[0] / _EXTEND))
    if facts.edge == "low":
        return (_rounded(tried[0] / _EXTEND),)
    if facts.edge == "high":
        return (_rounded(tried[-1] * _EXTEND),)
    if facts.edge == "soft":
        return _extend_soft_sides(facts)
    return _refine(facts, tried)


def curve_warnings(facts: CurveFacts) -> tuple[str, ...]:
    """Returns whole sentences, computed from the data, the most important first."""
    found = [
        *_edge_warnings(facts),
        *_shape_warnings(facts),
        *_divergence_warnings(facts),
        *_interval_warnings(facts),
        *_replication_warnings(facts),
    ]
    if facts.n_running:
        found.append(f"{_runs(facts.n_running)} still queued or running; the curve will change.")
    return tuple(found)


def _refine(facts: CurveFacts, tried: Sequence[float]) -> tuple[float, ...]:
    """Returns the middles (in ln) between the best learning rate and its neighbours, diverged ones included."""
    best = facts.usable[int(np.argmin(facts.losses))].learning_rate
    if facts.interval and facts.interval[1] / facts.interval[0] < _FINE_STEP:
        return ()
    at = tried.index(best)
    neighbours = [tried[index] for index in (at - 1, at + 1) if 0 <= index < len(tried)]
    if facts.edge == "bounded_by_divergence":
        diverged = [point.learning_rate for point in facts.points if point.n_diverged > 0]
        neighbours = [rate for rate in neighbours if rate in diverged] or neighbours
    wide = [rate for rate in neighbours if max(rate / best, best / rate) > _FINE_STEP]
    return tuple(sorted(_rounded(math.sqrt(rate * best)) for rate in wide))


def _extend_soft_sides(facts: CurveFacts) -> tuple[float, ...]:
    low, high = facts.points[0], facts.points[-1]
    sides = ("low", "high") if facts.shape == "flat" or len(facts.usable) == 1 else _soft(facts)
    found = []
    if "low" in sides and low.n_diverged == 0:
        found.append(_rounded(low.learning_rate / _EXTEND))
    if "high" in sides and high.n_diverged == 0:
        found.append(_rounded(high.learning_rate * _EXTEND))
    elif "high" in sides:
        last = facts.usable[-1].learning_rate
        beyond = [point.learning_rate for point in facts.points if point.learning_rate > last]
        found += [_rounded(math.sqrt(last * beyond[0]))] if beyond else []
    return tuple(found)


def _soft(facts: CurveFacts) -> tuple[str, ...]:
    return soft_sides(facts.usable, facts.losses, facts.noise)


def _edge_warnings(facts: CurveFacts) -> list[str]:
    if not facts.points:
        return ["No run has finished yet."] if facts.n_running else ["No run has finished with this metric."]
    low, high = (format_tried_lr(facts.points[index].learning_rate) for index in (0, -1))
    if not facts.usable:
        return [f"Every run diverged, down to the lowest learning rate tried ({low}); go lower."]
    if len(facts.usable) == 1 and facts.edge == "soft":
        return [f"Only one learning rate ({low}) has finished runs; one point makes no curve."]
    sentences = {
        "low": f"The best learning rate is the lowest one tried ({low}); the optimum may be lower still.",
        "high": f"The best learning rate is the highest one tried ({high}); the optimum may be higher still.",
        "bounded_by_divergence": "The best learning rate lies next to one that diverged; the optimum is the best "
        "one or between the two, and no fit can tell.",
        "soft": "The minimum is not bracketed: noise cannot tell the best learning rate from the "
        f"{' and the '.join(f'{_ENDS[side]} one tried' for side in _soft(facts)) or 'others'}.",
        "none": "",
    }
    return [sentences[facts.edge]] if sentences[facts.edge] and facts.shape != "flat" else []


_ENDS: Final = {"low": "lowest", "high": "highest"}


def _shape_warnings(facts: CurveFacts) -> list[str]:
    if facts.shape == "flat":
        reason = "two run-to-run standard deviations" if facts.noise else "0.1 %"
        return [f"All learning rates agree within {reason}: in this range the learning rate does not matter."]
    if facts.shape == "several_minima":
        return ["The curve turns more than once beyond its noise; the optimum of the fit stands for one valley only."]
    return []


def _divergence_warnings(facts: CurveFacts) -> list[str]:
    partly = [point for point in facts.points if point.n > 0 and point.n_diverged > 0]
    return [
        f"At {format_tried_lr(point.learning_rate)}, {point.n_diverged} of {point.n + point.n_diverged} runs diverged; "
        "the mean of the others is too good and is not used for the optimum."
        for point in partly
    ]


def _interval_warnings(facts: CurveFacts) -> list[str]:
    if not facts.interval or not facts.usable:
        return []
    low, high = facts.usable[0].learning_rate, facts.usable[-1].learning_rate
    if facts.interval[0] < low / SAME_LR or facts.interval[1] > high * SAME_LR:
        return ["The interval of the optimum reaches beyond the learning rates tried."]
    return []


def _replication_warnings(facts: CurveFacts) -> list[str]:
    if len(facts.usable) > 1 and facts.noise is None:
        return [
            "No learning rate has more than one run, so the run-to-run noise is unknown; add seeds around the best."
        ]
    return []


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"


def _rounded(learning_rate: float) -> float:
    return float(f"{learning_rate:.2e}")
