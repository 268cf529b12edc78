"""Loss against learning rate: one U-curve per comparable group, with its optimum and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.curve_types import Direction, Edge, Group, LocalFit, LrCurve, LrPoint, Noise, Shape

__all__ = ["Direction", "Edge", "Group", "LocalFit", "LrCurve", "LrPoint", "Noise", "Shape", "compute_lr_curves"]


def compute_lr_curves(
    results: pd.DataFrame,
    *,
    metric: str,
    group_by: Sequence[str] | None = None,
    direction: Direction = "min",
) -> list[LrCurve]:
    """Returns the U-curves of a results table."""
    raise NotImplementedError
