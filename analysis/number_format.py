"""Numbers as text, with the digits that the data support and no more."""

from __future__ import annotations

import math


def format_tried_lr(learning_rate: float) -> str:
    """Returns a learning rate that was set by hand or by a grid, to three digits: `3.16e-4`, `2e-4`.

    >>> format_tried_lr(0.00031622776), format_tried_lr(2e-4)
    ('3.16e-4', '2e-4')
    """
    return _scientific(learning_rate, digits=3)


def format_estimated_lr(learning_rate: float, lr_step: float | None) -> str:
    """Returns an estimated learning rate, to the decimal place of half a grid step.

    A leading 1 keeps a second digit, because rounding 1.6 to 2 is a step of its own.

    Args:
        learning_rate: The estimate.
        lr_step: Ratio between neighbouring learning rates of the grid (> 1), or None when there is no grid.

    >>> format_estimated_lr(0.000327, 3.16), format_estimated_lr(0.000163, 3.16), format_estimated_lr(0.000327, 1.2)
    ('3e-4', '1.6e-4', '3.3e-4')
    """
    decade = math.floor(math.log10(learning_rate))
    fewest = 2 if learning_rate < 2 * 10.0**decade else 1
    if lr_step is None or lr_step <= 1:
        return _scientific(learning_rate, digits=fewest)
    half_step = learning_rate * math.log(lr_step) / 2
    places = decade - math.floor(math.log10(half_step))
    return _scientific(learning_rate, digits=min(max(places + 1, fewest), 3))


def format_value(value: float | None, sd: float | None = None) -> str:
    """Returns a metric value with the decimals that its spread supports (four where the spread is unknown).

    >>> format_value(2.34567, 0.021), format_value(2.34567), format_value(None)
    ('2.346', '2.3457', '–')
    """
    if value is None:
        return "–"
    if sd is None or not math.isfinite(sd) or sd <= 0:
        return f"{value:.4f}"
    decimals = min(max(1 - math.floor(math.log10(sd)), 0), 6)
    return f"{value:.{decimals}f}"


def format_percent(share: float | None) -> str:
    """Returns a share as a percentage with two digits behind the point, or a dash."""
    return "–" if share is None else f"{100 * share:.2f} %"


def format_probability(probability: float | None) -> str:
    """Returns an estimated probability in whole percent, and never as a certainty, which no estimate is; or a dash.

    >>> format_probability(0.573), format_probability(1.0), format_probability(0.001), format_probability(None)
    ('57%', '>99%', '<1%', '–')
    """
    return "–" if probability is None else _whole_percent(probability)


def format_share(share: float) -> str:
    """Returns a counted share in whole percent: only none at all is 0 %, and only all are 100 %.

    >>> format_share(0.0), format_share(0.001), format_share(0.42), format_share(0.999), format_share(1.0)
    ('0%', '<1%', '42%', '>99%', '100%')
    """
    return f"{share:.0%}" if share in (0, 1) else _whole_percent(share)


def _whole_percent(share: float) -> str:
    return ">99%" if share >= 0.995 else "<1%" if share < 0.005 else f"{share:.0%}"


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"
