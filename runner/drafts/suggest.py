"""What to train next, as a sweep file: the learning rates that a U-curve asks for, or a finer grid around its best."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import Final, Literal

import pandas as pd

from analysis.errors import NotEnoughRuns
from analysis.lr_curves.types import LrCurve
from runner.drafts.past import PastSweep, rebuilt_sweep
from runner.spec.training import MOST_LEARNING_RATE

Kind = Literal["next", "refine"]
REFINE_SEEDS: Final = 3
"""Enough to see the noise, few enough to pay for (our choice)."""
REFINE_STEP: Final = math.sqrt(2)
"""Ratio between the learning rates of a refinement (our choice: below it, runs differ by less than their noise)."""
_MOST_NAME: Final = 64


def suggest_sweep(curve: LrCurve, runs: pd.DataFrame, kind: Kind, *, taken: Collection[str] = ()) -> PastSweep:
    """Returns the curve's own sweep with other learning rates.

    Needs columns: those of the runs table; one row per run.

    Args:
        curve: A U-curve.
        runs: The runs of the store.
        kind: `next`: the learning rates that the curve asks for, with its seeds. `refine`: five of them around the best
            one, in ratios of the square root of two, with three seeds.
        taken: Names of sweeps that are no longer free.

    Raises:
        NotEnoughRuns: the curve asks for nothing, or none of its runs is there.
    """
    rates = next_rates(curve) if kind == "next" else rates_around(curve)
    run_ids = {run_id for point in curve.points for run_id in (*point.run_ids, *point.diverged_run_ids)}
    own = runs[runs["run_id"].isin(run_ids)]
    if not rates or own.empty:
        raise NotEnoughRuns(f"there is no further learning rate to try for {curve.label!r}")
    sweep_id = str(own["sweep_id"].dropna().astype(str).mode().get(0, "sweep"))
    past = rebuilt_sweep(own, sweep_id)
    axes = past.values["axes"]
    values = {
        **past.values,
        "name": free_name(f"{sweep_id}-{kind}", taken),
        "axes": {**(axes if isinstance(axes, dict) else {}), "learning_rate": list(rates)},
        **({"seeds": REFINE_SEEDS} if kind == "refine" else {}),
    }
    notes = tuple(note for note in past.notes if "no full grid" not in note)
    return PastSweep(values, notes)


def next_rates(curve: LrCurve) -> tuple[float, ...]:
    """Returns the learning rates that a curve asks for and that the trainer takes."""
    return tuple(rate for rate in curve.next_learning_rates if rate <= MOST_LEARNING_RATE)


def rates_around(curve: LrCurve) -> tuple[float, ...]:
    """Returns five learning rates around the estimated optimum, else around the best one tried; none without either."""
    best = curve.optimum_lr or curve.argmin_lr
    if best is None:
        return ()
    rates = [float(f"{best * REFINE_STEP**power:.2e}") for power in range(-2, 3)]
    return tuple(rate for rate in rates if rate <= MOST_LEARNING_RATE)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Returns a name that fits a sweep and is not taken.

    >>> free_name("Demo A-next", {"demo-a-next"})
    'demo-a-next-2'
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", wanted.lower()).lstrip("_-")[:_MOST_NAME] or "sweep"
    names: Sequence[str] = (plain, *(f"{plain[: _MOST_NAME - 5]}-{n}" for n in range(2, 1000)))
    return next((name for name in names if name not in taken), plain)
