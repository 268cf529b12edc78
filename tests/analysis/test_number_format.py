from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.number_format import format_estimated_lr, format_percent, format_tried_lr, format_value


@pytest.mark.parametrize(
    ("rate", "text"), [(1e-4, "1e-4"), (0.00031622776, "3.16e-4"), (2.5e-5, "2.5e-5"), (1.0, "1e0"), (9.999e-4, "1e-3")]
)
def test_tried_learning_rates(rate: float, text: str) -> None:
    assert format_tried_lr(rate) == text


@pytest.mark.parametrize(
    ("rate", "step", "text"),
    [
        (3.27e-4, math.sqrt(10), "3e-4"),
        (1.63e-4, math.sqrt(10), "1.6e-4"),
        (9.7e-4, 2.0, "1e-3"),
        (3.27e-4, 1.2, "3.3e-4"),
        (3.27e-4, 1.01, "3.27e-4"),
        (3.27e-4, None, "3e-4"),
    ],
)
def test_estimates_have_the_digits_the_grid_supports(rate: float, step: float | None, text: str) -> None:
    assert format_estimated_lr(rate, step) == text


@given(st.floats(1e-7, 1.0), st.floats(1.05, 10))
def test_rounding_an_estimate_moves_it_less_than_half_a_grid_step(rate: float, step: float) -> None:
    assert abs(math.log(float(format_estimated_lr(rate, step)) / rate)) <= math.log(step) / 2 + 1e-9


@pytest.mark.parametrize(
    ("value", "sd", "text"),
    [
        (2.34567, None, "2.3457"),
        (2.34567, 0.3, "2.35"),
        (2.34567, 0.0, "2.3457"),
        (None, None, "–"),
        (2.3, math.nan, "2.3000"),
    ],
)
def test_values_have_the_decimals_of_their_spread(value: float | None, sd: float | None, text: str) -> None:
    assert format_value(value, sd) == text


def test_percent() -> None:
    assert (format_percent(0.0123), format_percent(None)) == ("1.23 %", "–")
