"""What a U-curve says, in words. Every sentence follows from the numbers; none is fixed text about the data."""

from __future__ import annotations

from analysis.lr_curves.types import LrCurve
from analysis.number_format import format_estimated_lr, format_percent, format_share, format_tried_lr, format_value
from analysis.wording.plain import MISSING, count_text, join_text
from analysis.wording.voices import PLAIN, Voice


def short_sentences(curve: LrCurve, voice: Voice = PLAIN) -> list[str]:
    """What to take from a curve: the best tried, the optimum, what is as good, and what to try next."""
    found = (
        best_tried_text(curve, voice),
        bracket_text(curve, voice),
        flat_region_text(curve),
        next_text(curve, voice),
    )
    return [sentence for sentence in found if sentence]


def best_tried_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """The best learning rate that was tried, with its mean."""
    best = next((point for point in curve.points if point.learning_rate == curve.argmin_lr), None)
    if best is None:
        return _nothing_finite_text(curve)
    spread = f" ± {format_value(best.sd, best.sd)} (sd)" if best.sd is not None else ""
    mean = format_value(best.mean, best.sd)
    return (
        f"Best tried: {voice.strong(format_tried_lr(best.learning_rate))} with {voice.plain(curve.metric)} "
        f"{mean}{spread}, {count_text(best.n, 'run')}."
    )


def optimum_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """Where the optimum is estimated to be, with its interval or the reason why there is none."""
    if curve.optimum_lr is None:
        return f"No optimum: {voice.plain(curve.optimum_method)}."
    optimum = format_estimated_lr(curve.optimum_lr, curve.lr_step)
    found = f"Optimum: {voice.strong(optimum)} ({voice.plain(curve.optimum_method)}). {interval_text(curve, voice)}"
    return " ".join(filter(None, (found, unbracketed_text(curve), u_test_text(curve))))


def unbracketed_text(curve: LrCurve) -> str:
    """How often other seeds would have left the minimum unbracketed; empty where seeds were not resampled."""
    share = curve.share_unbracketed
    if share is None:
        return ""
    often = f"{format_share(share)} of" if share else "none of the"
    return f"With other seeds the minimum would not have been bracketed in {often} resamples."


def u_test_text(curve: LrCurve) -> str:
    """Whether the runs around the best learning rate show a U; empty where nothing can tell."""
    test = curve.u_test
    if test is None:
        return ""
    lines = "" if test.two_lines_p is None else f", two lines p = {test.two_lines_p:.2g}"
    return f"Test of a U: slopes at the ends p = {test.p_value:.2g}{lines}."


def bracket_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """The optimum with its interval, short; empty when there is no interval."""
    if curve.interval is None or curve.optimum_lr is None:
        return ""
    optimum = format_estimated_lr(curve.optimum_lr, curve.lr_step)
    return f"Optimum: {voice.strong(optimum)}, {curve.interval_name} {range_text(curve.interval, curve.lr_step)}."


def interval_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """The interval of the optimum, or the reason why there is none."""
    method = voice.plain(curve.interval_method)
    if curve.interval is None:
        return f"No interval: {method}."
    return f"{curve.interval_name} {range_text(curve.interval, curve.lr_step)} ({method})."


def recommended_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """The published rule's learning rate and what it costs here."""
    advice = curve.recommendation
    if advice is None:
        return "Recommended: the model is not known, so no published rule applies."
    if advice.learning_rate is None:
        return f"Recommended: no published rule covers this model ({voice.plain(advice.model_type or 'unknown type')})."
    fitted = "fitted on this model" if advice.calibrated else "not fitted on this model"
    return f"Recommended: {voice.strong(format_tried_lr(advice.learning_rate))} ({fitted}). {regret_text(curve, voice)}"


def regret_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """What the recommended learning rate costs against the best one, relative and in the metric's unit."""
    method = voice.plain(curve.regret_method)
    if curve.regret_of_recommended is None:
        return f"No regret: {method}."
    absolute = curve.regret_of_recommended_absolute
    in_units = "" if absolute is None else f", {absolute:.2g} in {voice.plain(curve.metric)}"
    return f"Regret {format_percent(curve.regret_of_recommended)}{in_units} ({method})."


def flat_region_text(curve: LrCurve) -> str:
    """Which learning rates are as good as the best one."""
    if curve.flat_region is None:
        return ""
    low, high = curve.flat_region
    return f"As good as the best: {range_text((low, high), curve.lr_step)}." if low < high else ""


def next_text(curve: LrCurve, voice: Voice = PLAIN) -> str:
    """What to try next."""
    tried = [voice.strong(format_tried_lr(rate)) for rate in curve.next_learning_rates]
    return f"Try next: {join_text(tried)}." if tried else ""


def count_runs_text(curve: LrCurve) -> str:
    """How many runs the curve rests on, and which do not count."""
    n_diverged = sum(point.n_diverged for point in curve.points)
    parts = [f"{count_text(curve.n_runs, 'run')} at {count_text(len(curve.points), 'learning rate')}"]
    if n_diverged:
        parts.append(f"{n_diverged} diverged")
    if curve.n_running:
        parts.append(f"{curve.n_running} still running")
    if curve.n_left_out:
        parts.append(f"{curve.n_left_out} left out (failed, stopped or without the metric)")
    return ", ".join(parts) + "."


def optimum_value(curve: LrCurve) -> str:
    """The optimum as a bare number."""
    return MISSING if curve.optimum_lr is None else format_estimated_lr(curve.optimum_lr, curve.lr_step)


def bounds_text(curve: LrCurve) -> str:
    """The interval of the optimum as bare numbers, or that there is none."""
    if curve.interval is None:
        return "no interval"
    return range_text(curve.interval, curve.lr_step)


def range_text(limits: tuple[float, float], lr_step: float | None) -> str:
    """Two learning rates with the digits that the grid supports, and more only where they would look the same.

    >>> range_text((2.8e-4, 6.1e-4), 2.0), range_text((3.81e-4, 4.22e-4), 2.0)
    ('2.8e-4 – 6e-4', '3.81e-4 – 4.22e-4')
    """
    low, high = (format_estimated_lr(limit, lr_step) for limit in limits)
    if low == high:
        low, high = (format_tried_lr(limit) for limit in limits)
    return f"{low} – {high}" if low != high else low


def _nothing_finite_text(curve: LrCurve) -> str:
    n_diverged = sum(point.n_diverged for point in curve.points)
    if n_diverged:
        return f"Every run diverged ({count_text(n_diverged, 'run')}): try lower learning rates."
    return "No finished run yet."
