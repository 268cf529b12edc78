"""What each row of a results table contributes: a value, a divergence, or nothing (yet)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from analysis.errors import SchemaError

Role = Literal["value", "diverged", "pending", "left_out"]

REQUIRED: Final = ("run_id", "status", "learning_rate", "value")
SAME_LENGTH: Final = (
    "source", "project", "sweep_id", "group", "model", "dataset", "batch_size", "max_steps", "epochs", "token_budget",
)  # fmt: skip
"""Runs that agree in these are expected to log equally far (our choice)."""
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

    Unconfirmed runs count as `settled_statuses` says.

    Raises:
        SchemaError: a needed column is missing.
    """
    missing = [name for name in REQUIRED if name not in results.columns]
    if missing:
        raise SchemaError(f"A results table needs the columns {', '.join(REQUIRED)}; it lacks {', '.join(missing)}.")
    rates = _floats(results["learning_rate"])
    values = _floats(results["value"])
    logged = _floats(results["n_logged"]) > 0 if "n_logged" in results.columns else ~np.isnan(values)
    rows = zip(results["run_id"], settled_statuses(results), rates, values, logged, strict=True)
    return [
        RunValue(str(run_id), _role(str(status), rate, value, bool(was_logged)), float(rate), float(value))
        for run_id, status, rate, value, was_logged in rows
    ]


def settled_statuses(results: pd.DataFrame) -> pd.Series:
    """Returns the statuses as text, `unconfirmed` as `finished` for runs that came as far as the others of their kind.

    The program of an unconfirmed run ended without saying how, as most scripts do that log to W&B. It counts where it
    logged the metric up to the last step at which any finished or unconfirmed run with the same `SAME_LENGTH` did.

    Needs columns: status; value_step, without which no run is taken for finished; `SAME_LENGTH` as far as they exist.
    """
    status = results["status"].astype(str)
    if "value_step" not in results.columns or not (status == "unconfirmed").any():
        return status
    last = pd.Series(_floats(results["value_step"]), index=results.index)
    ended = last.where(status.isin(("finished", "unconfirmed")))
    kinds = [results[name].astype(str) for name in SAME_LENGTH if name in results.columns]
    furthest = ended.groupby(kinds).transform("max") if kinds else ended.max()
    return status.mask((status == "unconfirmed") & (last >= furthest), "finished")


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
