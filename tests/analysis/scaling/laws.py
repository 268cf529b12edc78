"""Optima and sweeps that follow a known scaling law."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.lr_curves.compute import compute_lr_curves
from analysis.lr_curves.types import LrCurve
from analysis.scaling.types import OptimumPoint
from tests.analysis.sweeps import make_results, u_rows

GRID = tuple(1e-5 * 2.0**step for step in range(10))
BATCHES = (8, 16, 32, 64, 128)
TOKENS = 2**12
(A_CURVE,) = compute_lr_curves(make_results(u_rows()), metric="eval_loss")


def power(alpha: float) -> Callable[[float], float]:
    """ln of the rise of lr* over batch 8."""
    return lambda batch: alpha * math.log(batch / 8)


SQUARE_ROOT = power(0.5)


def hinged(below: float, above: float, at: float) -> Callable[[float], float]:
    """The same with a break."""

    def rise(batch: float) -> float:
        return below * math.log(min(batch, at) / 8) + above * math.log(max(batch, at) / at)

    return rise


def make_point(label: str, x: float, ln_lr: float, se: float, curve: LrCurve = A_CURVE, **other: str) -> OptimumPoint:
    """An optimum as the analysis reads it from a curve."""
    return OptimumPoint(
        setting={"setting": label},
        label=label,
        x=x,
        lr=math.exp(ln_lr),
        se_ln=se,
        source="fit",
        best_value=1.0,
        model=other.get("model"),
        model_type=other.get("model_type"),
        held="tokens",
        curve=curve,
    )


def make_points(
    generator: np.random.Generator,
    *,
    n_settings: int,
    batches: Sequence[float] = BATCHES,
    law: Callable[[float], float] = SQUARE_ROOT,
    tau: float = 0.0,
    slope_sd: float = 0.0,
) -> list[OptimumPoint]:
    """Noisy optima of several settings; errors differ between points, slopes perhaps between settings."""
    points = []
    for setting in range(n_settings):
        tilt = generator.normal(0, slope_sd)
        for batch in batches:
            se = generator.uniform(0.05, 0.2)
            truth = -9 + 0.1 * setting + law(batch) + tilt * math.log(batch / 8)
            points.append(make_point(f"s{setting}", batch, truth + generator.normal(0, math.hypot(se, tau)), se))
    return points


def make_sweep(
    *,
    law: Callable[[float], float] = SQUARE_ROOT,
    batches: Sequence[int] = BATCHES,
    ranks: Sequence[int] = (4, 8, 16),
    seeds: int = 2,
    sd: float = 0.005,
    seed: int = 0,
    grid: Sequence[float] = GRID,
    steps: Callable[[int], int | None] = lambda batch: TOKENS // batch,
) -> pd.DataFrame:
    """Runs of a sweep over learning rates, batch sizes and ranks, tokens held fixed."""
    generator = np.random.default_rng(seed)
    rows = [
        row
        for place, rank in enumerate(ranks)
        for batch in batches
        for row in u_rows(
            grid,
            seeds=seeds,
            sd=sd,
            generator=generator,
            optimum=6e-5 * math.exp(law(batch) + 0.1 * place),
            batch_size=batch,
            lora_rank=rank,
            max_steps=steps(batch),
        )
    ]
    return make_results(rows)


def stack(*tables: pd.DataFrame) -> pd.DataFrame:
    """Several sweeps as one table, each run with an id of its own."""
    whole = pd.concat(tables, ignore_index=True)
    return whole.assign(run_id=[f"r{row:04d}" for row in range(len(whole))])
