"""One cell of a table as a reader wants it; files of the table keep every digit."""

from __future__ import annotations

import math
from datetime import datetime
from numbers import Integral, Real
from typing import Final

import pandas as pd

from analysis.number_format import format_probability, format_tried_lr
from analysis.wording.plain import MISSING, duration_text

_SHARES: Final = frozenset(
    {"p_best", "failure_rate", "failure_rate_at_most", "regret_of_recommended", "explains", "separates_the_best",
     "ped_low", "ped_high", "explains_together"}
)  # fmt: skip
"""Columns that hold shares; `low` and `high` beside one of them do as well."""
_PROBABILITIES: Final = frozenset({"p_best", "p_front"})
_LIMITS: Final = frozenset({"low", "high"})
_ERRORS: Final = frozenset({"sd", "se", "se_ln", "stderr", "seed_sd", "difference"})
_MOST_ITEMS: Final = 6
_SMALL: Final = 1e-3
_GIB: Final = 2**30


def format_cells(table: pd.DataFrame) -> list[list[str]]:
    """Returns the rows of a table as texts."""
    names = [str(name) for name in table.columns]
    has_shares = not _SHARES.isdisjoint(names)
    if "optimum_lr" in names:
        # Beside an optimum the limits are learning rates too.
        names = [f"{name}_lr" if name.startswith("interval_") else name for name in names]
    shares = [name in _SHARES or (has_shares and name in _LIMITS) for name in names]
    return [
        [format_cell(name, cell, is_share=share) for name, cell, share in zip(names, row, shares, strict=True)]
        for row in table.itertuples(index=False, name=None)
    ]


def is_number_column(column: pd.Series) -> bool:
    """Whether a column is set flush right."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def format_cell(name: str, cell: object, *, is_share: bool = False) -> str:
    """Returns a cell as text.

    Args:
        name: The column.
        cell: What stands in it.
        is_share: Whether a number is a share.

    >>> format_cell("learning_rate", 0.0003), format_cell("n", 1200), format_cell("p", 0.294, is_share=True)
    ('3e-4', '1,200', '29%')
    """
    if isinstance(cell, list | tuple):
        more = f" … {len(cell) - _MOST_ITEMS} more" if len(cell) > _MOST_ITEMS else ""
        return " ".join(map(str, cell[:_MOST_ITEMS])) + more
    if is_missing(cell):
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, Real) or hasattr(cell, "dtype"):
        return _number(name, cell, is_share=is_share)
    return str(cell)


def is_missing(cell: object) -> bool:
    """Whether nothing stands in a cell; a list, even an empty one, is something."""
    return not isinstance(cell, list | tuple) and bool(pd.isna(cell))  # type: ignore[call-overload] # any one value


def _number(name: str, cell: object, *, is_share: bool) -> str:
    if isinstance(cell, Integral) and not name.endswith("_bytes"):
        return str(int(cell)) if name == "seed" else f"{int(cell):,}"
    value = float(cell)  # type: ignore[arg-type]
    if name in _PROBABILITIES:
        return format_probability(value)
    if is_share:
        return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"
    if name.endswith("_bytes"):
        return f"{value / _GIB:.1f} GiB"
    if name == "wall_s":
        return duration_text(value)
    return _real(name, value)


def _real(name: str, value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value and (abs(value) < _SMALL or name == "learning_rate" or name.endswith("_lr")):
        return format_tried_lr(value)
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = 3 if name in _ERRORS else 5
    return f"{value:.{digits}g}" if abs(value) < 1e5 else f"{value:,.0f}"
