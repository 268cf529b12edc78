"""Scaling of the learning rate as tables, for reading and for download."""

from __future__ import annotations

import pandas as pd

from analysis.scaling.batch_scaling import BatchScaling
from analysis.scaling.types import LeftOut


def setting_table(found: BatchScaling) -> pd.DataFrame:
    """One row per setting: its own exponent."""
    return pd.DataFrame(
        [
            {
                "setting": one.label,
                "exponent": one.law.alpha,
                "interval_low": one.law.interval[0] if one.law.interval else None,
                "interval_high": one.law.interval[1] if one.law.interval else None,
                "n_points": len(one.points),
                "held_fixed": one.held,
                f"best_{found.batch_axis}": one.best_x,
            }
            for one in found.settings
        ]
    )


def point_table(found: BatchScaling) -> pd.DataFrame:
    """One row per optimum in the chart."""
    return pd.DataFrame(
        [{"setting": one.label, **point.to_json(found.batch_axis)} for one in found.settings for point in one.points]
    )


def left_out_table(left_out: tuple[LeftOut, ...], axis: str) -> pd.DataFrame:
    """One row per curve that gives no optimum."""
    return pd.DataFrame(
        [
            {"setting": one.label, axis: one.x, "reason": one.reason, "bound": one.bound, "bound_lr": one.bound_lr}
            for one in left_out
        ]
    )
