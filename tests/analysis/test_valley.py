from __future__ import annotations

import pytest

from analysis.figures.valley import count_outside, valley_range
from analysis.lr_curves.compute import compute_lr_curves
from analysis.lr_curves.types import LrCurve
from tests.analysis.sweeps import make_results

CLIFF = {1e-4: 2.9, 3e-4: 2.5, 1e-3: 2.3, 3e-3: 2.6, 1e-2: 5.0, 3e-2: 9.0}
GENTLE = {1e-4: 2.5, 3e-4: 2.4, 1e-3: 2.3, 3e-3: 2.4, 1e-2: 2.6}


def curves_of(losses: dict[float, float]) -> list[LrCurve]:
    rows = [{"learning_rate": rate, "value": value} for rate, value in losses.items()]
    return compute_lr_curves(make_results(rows), metric="eval_loss")


def test_a_cliff_is_cut_at_the_height_of_the_gentle_side() -> None:
    limits = valley_range(curves_of(CLIFF))

    assert limits is not None
    assert limits == pytest.approx((2.3 - 0.09, 2.9 + 0.09))
    assert count_outside(curves_of(CLIFF), limits) == 2


def test_a_valley_that_shows_well_is_left_alone() -> None:
    assert valley_range(curves_of(GENTLE)) is None


def test_the_frame_moves_and_stretches_with_the_losses() -> None:
    low, high = valley_range(curves_of(CLIFF)) or (0.0, 0.0)

    assert valley_range(curves_of({rate: 2 * loss for rate, loss in CLIFF.items()})) == pytest.approx(
        (2 * low, 2 * high)
    )
    assert valley_range(curves_of({100 * rate: loss for rate, loss in CLIFF.items()})) == pytest.approx((low, high))


def test_noise_on_a_plateau_is_not_blown_up() -> None:
    limits = valley_range(curves_of({1e-4: 2.3002, 3e-4: 2.3001, 1e-3: 2.3, 3e-3: 2.35, 1e-2: 9.0}))

    assert limits is not None
    assert limits[1] > 2.35


def test_nothing_finite_frames_nothing() -> None:
    assert valley_range([]) is None
    assert valley_range(curves_of({1e-3: float("nan")})) is None


def test_every_curve_keeps_its_valley() -> None:
    rows = [
        {"learning_rate": rate, "value": loss + shift, "batch_size": size}
        for size, shift in ((4, 0.0), (16, 0.5))
        for rate, loss in CLIFF.items()
    ]
    curves = compute_lr_curves(make_results(rows), metric="eval_loss")

    low, high = valley_range(curves) or (0.0, 0.0)

    assert len(curves) == 2
    assert low < 2.3
    assert high > 2.9 + 0.5


def test_a_lone_mean_that_blew_up_stretches_nothing() -> None:
    curves = [*curves_of(GENTLE), *curves_of({1e-3: 1e8})]

    limits = valley_range(curves)

    assert limits is not None
    assert limits[1] < 3.0
    assert valley_range(curves_of({1e-3: 1e8})) is None
