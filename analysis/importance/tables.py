"""Importances as tables, for reading and for download."""

from __future__ import annotations

import pandas as pd

from analysis.importance.types import GroupImportance


def importance_table(group: GroupImportance) -> pd.DataFrame:
    """One row per hyperparameter."""
    return pd.DataFrame(
        [
            {
                "hyperparameter": item.key,
                "explains": item.main,
                "low": item.interval[0] if item.interval else None,
                "high": item.interval[1] if item.interval else None,
                "separates_the_best": item.ped,
                "ped_low": item.ped_interval[0] if item.ped_interval else None,
                "ped_high": item.ped_interval[1] if item.ped_interval else None,
                "n_values": item.n_values,
                "changed_together_with": ", ".join(item.tied),
            }
            for item in group.importances
        ]
    )


def pair_table(group: GroupImportance) -> pd.DataFrame:
    """One row per pair of hyperparameters."""
    return pd.DataFrame(
        [
            {
                "pair": " x ".join(pair.keys),
                "explains_together": pair.share,
                "low": pair.interval[0] if pair.interval else None,
                "high": pair.interval[1] if pair.interval else None,
            }
            for pair in group.pairs
        ]
    )
