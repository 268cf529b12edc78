"""What a sweep decided, in one sentence: the best learning rate, how sure that is, and the first thing to doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analysis.lr_curves.sentences import range_text
from analysis.lr_curves.types import Edge, LrCurve
from analysis.number_format import format_estimated_lr, format_probability, format_tried_lr
from analysis.ranking.types import BestConfiguration
from analysis.wording.plain import count_text, join_text
from analysis.wording.voices import PLAIN, Voice

_MOST_NAMED: Final = 3
"""Curves that a sentence names one by one (our choice)."""
EDGES: Final[dict[Edge, str]] = {
    "low": "not bracketed below",
    "high": "not bracketed above",
    "soft": "not bracketed",
    "bounded_by_divergence": "bounded above only by divergence",
}


def decision_of_sweep(
    sweep_id: str, curves: Sequence[LrCurve], best: BestConfiguration | None, voice: Voice = PLAIN
) -> str:
    """What a sweep decided, or why that cannot be said yet, in one sentence.

    Args:
        sweep_id: The sweep, for the beginning of the sentence.
        curves: Its U-curves.
        best: The ranking of its configurations; None where nobody has computed it.
        voice: How to write.
    """
    tried = [curve for curve in curves if curve.argmin_lr is not None]
    parts = _decided(tried, best, voice) if tried else [_undecided(curves)]
    return f"{voice.strong(voice.plain(sweep_id))}: {'; '.join([*parts, *_rest(curves, tried, voice)])}."


def place_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """Where a curve was measured, as in `batch 4, rank 8`; empty where a sweep has only one."""
    return voice.plain(curve.label.replace("batch_size", "batch").replace("lora_rank", "rank")) if curve.group else ""


def _decided(tried: Sequence[LrCurve], best: BestConfiguration | None, voice: Voice) -> list[str]:
    if best is None:
        return [_best_text(max(tried, key=lambda curve: curve.n_runs), voice)]
    if not best.comparable:
        found = [_best_text(curve, voice, short=True) for curve in tried[:_MOST_NAMED]]
        more = [f"and {count_text(len(tried) - _MOST_NAMED, 'more curve')}"] if len(tried) > _MOST_NAMED else []
        return [f"no overall winner, because its {len(best.groups):,} groups of runs do not compare", *found, *more]
    lead = _curve_of_winner(tried, best)
    return [_best_text(lead, voice), _certainty(best, voice)]


def _best_text(curve: LrCurve, voice: Voice, *, short: bool = False) -> str:
    place = place_text(curve, voice)
    at = f"at {place} " if place else ""
    if curve.shape == "flat":
        finite = [format_tried_lr(point.learning_rate) for point in curve.points if point.n]
        return f"{at}the learning rate does not matter from {finite[0]} to {finite[-1]}"
    if curve.optimum_lr is None or curve.interval is None:
        return f"{at}the best learning rate tried is {voice.strong(format_tried_lr(curve.argmin_lr or 0.0))}"
    optimum = voice.strong(format_estimated_lr(curve.optimum_lr, curve.lr_step))
    interval = "" if short else f" ({curve.interval_name} {range_text(curve.interval, curve.lr_step)})"
    return f"{at}the best learning rate is {optimum}{interval}"


def _certainty(best: BestConfiguration, voice: Voice) -> str:
    """The probability is that of a configuration that was tried, which the optimum of a fit is not."""
    winner, p_best = best.overall.winner, best.overall.p_best
    n_ranked = sum(score.rank is not None for score in best.overall.ranking)
    if winner is None:
        return "no configuration can be ranked"
    if n_ranked == 1:
        return "nothing to compare it with"
    if p_best is None:
        return "how sure that is nobody can say without a second seed near the best"
    probability = voice.plain(format_probability(p_best))
    return f"P(best) {probability} for {voice.plain(winner.name)}, of {n_ranked:,} configurations"


def _rest(curves: Sequence[LrCurve], tried: Sequence[LrCurve], voice: Voice) -> Iterator[str]:
    """What a careful reader should know, the weightiest first."""
    for edge, words in EDGES.items():
        those = [curve for curve in tried if curve.edge == edge and curve.shape != "flat" and len(curve.points) > 1]
        places = [text for curve in those if (text := place_text(curve, voice))]
        named = [f"{len(places):,} of {count_text(len(tried), 'curve')}"] if len(places) > _MOST_NAMED else places
        if those:
            yield f"{words}{' at ' if named else ''}{' and at '.join(named)}"
    n_diverged = sum(point.n_diverged for curve in tried for point in curve.points)
    if n_diverged:
        yield f"{count_text(n_diverged, 'run')} diverged"
    n_open = sum(curve.n_running for curve in curves)
    if tried and n_open:
        yield f"{count_text(n_open, 'run')} still to come"


def _undecided(curves: Sequence[LrCurve]) -> str:
    n_diverged = sum(point.n_diverged for curve in curves for point in curve.points)
    n_open = sum(curve.n_running for curve in curves)
    if n_diverged and not n_open:
        lower = sorted({rate for curve in curves for rate in curve.next_learning_rates})[:_MOST_NAMED]
        what = f"; try {join_text([format_tried_lr(rate) for rate in lower])}" if lower else ""
        return f"nothing decided, because every run that counts diverged ({count_text(n_diverged, 'run')}){what}"
    if n_open:
        diverged = f", {n_diverged:,} diverged" if n_diverged else ""
        return f"nothing decided yet, because no run has finished ({n_open:,} still to come{diverged})"
    return "nothing decided, because no run has a value of the metric"


def _curve_of_winner(tried: Sequence[LrCurve], best: BestConfiguration) -> LrCurve:
    """The U-curve that the winner lies on; where there is none, the one with the most runs."""
    runs = set(best.overall.winner.run_ids) if best.overall.winner else set()
    on = (curve for curve in tried if any(runs & set(point.run_ids) for point in curve.points))
    return next(on, max(tried, key=lambda curve: curve.n_runs))
