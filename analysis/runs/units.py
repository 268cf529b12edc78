"""Amounts as people write them: `10GiB`, `1.5 h`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "bytes": {
        "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
        "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40,
    },
    "s": {"s": 1, "min": 60, "h": 3600, "d": 86400},
}  # fmt: skip
_AMOUNT: Final = re.compile(r"(?P<number>[+-]?[\d.]+(?:e[+-]?\d+)?)\s*(?P<unit>[a-z]+)", re.IGNORECASE)


def read_amount(text: str, unit: str | None = None) -> float | None:
    """Returns an amount with a unit of size (KB to TB, KiB to TiB) or of time (s, min, h, d), in bytes or in seconds.

    Args:
        text: What was written; upper and lower case are the same.
        unit: `bytes` or `s` where only that is meant; None takes either.

    Returns:
        None where the text is not a number with such a unit.

    >>> read_amount("10GiB"), read_amount("1.5 h", "s"), read_amount("10GiB", "s"), read_amount("7")
    (10737418240.0, 5400.0, None, None)
    """
    found = _AMOUNT.fullmatch(text.strip())
    kinds = _FACTORS.values() if unit is None else [_FACTORS.get(unit, {})]
    factor = next((kind[found["unit"].lower()] for kind in kinds if found and found["unit"].lower() in kind), None)
    if found is None or factor is None:
        return None
    try:
        return float(found["number"]) * factor
    except ValueError:
        return None
