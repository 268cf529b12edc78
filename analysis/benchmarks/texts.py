"""Scores and correlations as short text."""

from __future__ import annotations

import math

import numpy as np

from analysis.benchmarks.kendall import Tau
from analysis.benchmarks.types import Floats
from analysis.number_format import format_value


def value_text(
    value: float, error: float, *, digits: float = math.nan, signed: bool = False, between: str = " ± "
) -> str:
    """Returns a value with its error, with the decimals that an error supports; empty where there is no value.

    Args:
        value: The value.
        error: Its standard error; NaN where unknown.
        digits: The error that decides on the decimals, so that a column can have the same everywhere; else `error`.
        signed: Whether positive values carry their sign.
        between: What stands between both.

    >>> value_text(0.5123, 0.0104), value_text(0.5, math.nan), value_text(0.031, 0.012, signed=True)
    ('0.512 ± 0.010', '0.5000', '+0.031 ± 0.012')
    """
    if math.isnan(value):
        return ""
    unknown = math.isnan(error) or error == 0
    supports = None if unknown else float(error) if math.isnan(digits) else float(digits)
    number = format_value(float(value), supports)
    text = f"+{number}" if signed and value > 0 else number
    return text if unknown else f"{text}{between}{format_value(float(error), supports)}"


def column_digits(errors: Floats) -> list[float]:
    """Returns per column the error that decides on its decimals: the middle one; NaN where none is known."""
    known = [column[~np.isnan(column)] for column in errors.T]
    return [float(np.median(column)) if len(column) else math.nan for column in known]


def tau_text(tau: Tau) -> str:
    """Returns a rank correlation with its interval, or why there is none.

    >>> tau_text(Tau(0.5, 0.25, 0.75, "")), tau_text(Tau(None, None, None, "too few"))
    ('+0.50 (+0.25 to +0.75)', 'none: too few')
    """
    if tau.value is None:
        return f"none: {tau.method}"
    return f"{tau.value:+.2f}" if tau.low is None else f"{tau.value:+.2f} ({tau.low:+.2f} to {tau.high:+.2f})"
