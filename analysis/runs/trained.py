"""Runs that were trained, and the un-tuned base models that stand beside them in the table for their scores."""

from __future__ import annotations

from typing import Final

import pandas as pd

UNTRAINED: Final = "none"
"""In the column `adapter` of a base model's own run, which has neither a learning rate nor steps."""


def trained_runs(results: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows without base models' own runs, numbered anew: whoever judges training has no use for them.

    Needs columns: learning_rate; adapter and max_steps where there are any.
    """
    if "adapter" not in results.columns:
        return results
    is_base = (results["adapter"] == UNTRAINED).fillna(False).astype(bool) & results["learning_rate"].isna()
    if "max_steps" in results.columns:
        is_base &= results["max_steps"].isna()
    return results[~is_base].reset_index(drop=True) if is_base.any() else results
