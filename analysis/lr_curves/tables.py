"""U-curves as tables: what charts show, for reading and for download."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.lr_curves.types import LrCurve


def curve_table(curves: Sequence[LrCurve]) -> pd.DataFrame:
    """One row per curve: what it is about and what it says."""
    return pd.DataFrame(
        [
            {
                "curve": curve.label,
                "best_tried_lr": curve.argmin_lr,
                f"best_{curve.metric}": curve.best_mean,
                "optimum_lr": curve.optimum_lr,
                "interval_low": curve.interval[0] if curve.interval else None,
                "interval_high": curve.interval[1] if curve.interval else None,
                "edge": curve.edge,
                "shape": curve.shape,
                "recommended_lr": curve.recommended_lr,
                "regret_of_recommended": curve.regret_of_recommended,
                "n_runs": curve.n_runs,
            }
            for curve in curves
        ]
    )


def point_table(curves: Sequence[LrCurve]) -> pd.DataFrame:
    """One row per curve and learning rate."""
    return pd.DataFrame(
        [
            {
                "curve": curve.label,
                "learning_rate": point.learning_rate,
                f"mean_{curve.metric}": point.mean,
                "sd": point.sd,
                "n": point.n,
                "n_diverged": point.n_diverged,
                "run_ids": [*point.run_ids, *point.diverged_run_ids],
            }
            for curve in curves
            for point in curve.points
        ]
    )
