"""What each row of a results table contributes: a value, a divergence, or nothing (yet)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from analysis.errors import SchemaError

Role = Literal["value", "diverged", "pending", "left_out"]

REQUIRED: Final = ("run_id", "status", "learning_rate", "value")
# Outside these, products of learning rates and squares of values overflow; such a loss blew up, such a rate is none.
_LOWEST_LR: Final = 1e-30
_HIGHEST_LR: Final = 1e30
_HIGHEST_VALUE: Final = 1e100
_PENDING: Final = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class RunValue:
    """What one run contributes: a value, a divergence, or nothing (yet); `value` is NaN where nothing was logged."""

    run_id: str
    role: Role
    learning_rate: float
    value: float


def read_run_values(results: pd.DataFrame) -> list[RunValue]:
    """Returns one entry per row, in order.

    Needs columns: run_id, status, learning_rate, value (last logged value, NaN where nothing or a NaN was logged), and
    n_logged where the table has it (it tells a logged NaN, which is a divergence, from a metric never logged).

    Raises:
        SchemaError: a needed column is missing.
    """
    missing = [name for name in REQUIRED if name not in results.columns]
    if missing:
        raise SchemaError(f"A results table needs the columns {', '.join(REQUIRED)}; it lacks {', '.join(missing)}.")
    rates = _floats(results["learning_rate"])
    values = _floats(results["value"])
    logged = _floats(results["n_logged"]) > 0 if "n_logged" in results.columns else ~np.isnan(values)
    rows = zip(results["run_id"], results["status"], rates, values, logged, strict=True)
    return [
        RunValue(str(run_id), _role(str(status), rate, value, bool(was_logged)), float(rate), float(value))
        for run_id, status, rate, value, was_logged in rows
    ]


def is_learning_rate(rate: float) -> bool:
    """Returns whether a number can be a learning rate at all: positive, finite, and no underflow; NaN is none."""
    return _LOWEST_LR <= rate <= _HIGHEST_LR


def _floats(column: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _role(status: str, rate: float, value: float, was_logged: bool) -> Role:
    if status in _PENDING:
        return "pending"
    if not is_learning_rate(rate) or status not in ("finished", "diverged"):
        return "left_out"
    if status == "diverged":
        return "diverged"
    if not was_logged:
        return "left_out"
    return "value" if abs(value) <= _HIGHEST_VALUE else "diverged"
