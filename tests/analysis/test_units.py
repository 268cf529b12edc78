from __future__ import annotations

import doctest

import pytest

from analysis.errors import FilterError
from analysis.runs import units
from analysis.runs.filters import Condition, parse_condition
from analysis.runs.units import read_amount


def test_docstring_examples() -> None:
    assert doctest.testmod(units).failed == 0


@pytest.mark.parametrize(
    ("text", "amount"),
    [("10GiB", 10 * 2**30), ("1 TB", 1e12), ("512 kib", 2**19), ("90min", 5400), ("2 h", 7200), ("1e3s", 1000)],
)
def test_amounts(text: str, amount: float) -> None:
    assert read_amount(text) == amount


@pytest.mark.parametrize("text", ["", "10", "GiB", "1..2 h", "10 parsec", "h 10"])
def test_what_is_no_amount(text: str) -> None:
    assert read_amount(text) is None


def test_filters_read_units_where_the_column_has_one() -> None:
    assert parse_condition("peak_memory_bytes<10GiB") == Condition("peak_memory_bytes", "<", 10 * 2**30)
    assert parse_condition("wall_s<=2h") == Condition("wall_s", "<=", 7200)
    assert parse_condition("wall_s<=90") == Condition("wall_s", "<=", 90)
    with pytest.raises(FilterError, match="wall_s is of type float64"):
        parse_condition("wall_s<10GiB")
    with pytest.raises(FilterError):
        parse_condition("lora_rank<10GiB")
