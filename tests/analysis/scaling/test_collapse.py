from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.scaling.axis import read_batch_axis
from analysis.scaling.collapse import fit_collapse
from analysis.scaling.collapse_points import Cloud, read_clouds
from analysis.scaling.points import read_points
from analysis.scaling.types import OptimumPoint
from tests.analysis.scaling.laws import hinged, make_sweep, power


def _points(results: pd.DataFrame) -> tuple[OptimumPoint, ...]:
    return read_points(
        results,
        metric="eval_loss",
        direction="min",
        make_axis=lambda columns: read_batch_axis(columns, "batch_size"),
        setting=None,
        by_budget=True,
    ).points


def _reference_score(clouds: list[Cloud], alpha: float) -> float:
    """S with the cubic of statsmodels through all other batch sizes, point by point."""
    squares = []
    for cloud in clouds:
        u = cloud.ln_lr - alpha * cloud.ln_x
        for batch in range(cloud.n_batches):
            own, others = cloud.batch == batch, cloud.batch != batch
            rows = np.vander(u - u.mean(), 4)
            fitted = sm.WLS(cloud.excess[others], rows[others], weights=1 / cloud.variance[others]).fit(
                cov_type="fixed scale"
            )
            for row, at, excess, variance in zip(
                rows[own], u[own], cloud.excess[own], cloud.variance[own], strict=True
            ):
                if u[others].min() <= at <= u[others].max():
                    spread = row @ fitted.cov_params() @ row
                    squares.append((excess - row @ fitted.params) ** 2 / (variance + spread))
    return float(np.mean(squares))


def _houdayer_hartmann(clouds: list[Cloud], alpha: float) -> float:
    """S of Houdayer & Hartmann 2004 itself: a line through the neighbours on either side in every other batch size."""
    squares = []
    for cloud in clouds:
        u = cloud.ln_lr - alpha * cloud.ln_x
        for index, at in enumerate(u):
            chosen: list[int] = []
            for batch in range(cloud.n_batches):
                members = np.flatnonzero(cloud.batch == batch)
                members = members[np.argsort(u[members])]
                right = int(np.searchsorted(u[members], at))
                if batch != cloud.batch[index] and 0 < right < len(members):
                    chosen += [members[right - 1], members[right]]
            if chosen:
                line = sm.WLS(
                    cloud.excess[chosen], sm.add_constant(u[chosen] - at, has_constant="add"),
                    weights=1 / cloud.variance[chosen],
                ).fit(cov_type="fixed scale")  # fmt: skip
                spread = line.cov_params()[0, 0]
                squares.append((cloud.excess[index] - line.params[0]) ** 2 / (cloud.variance[index] + spread))
    return float(np.mean(squares))


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_the_true_alpha_collapses_the_curves(alpha: float) -> None:
    collapse = fit_collapse(_points(make_sweep(law=power(alpha), ranks=(8,), batches=(8, 16, 32, 64))), sign=1)
    assert collapse.best_alpha == pytest.approx(alpha, abs=0.05)
    assert collapse.interval is not None
    assert collapse.interval[0] - 0.02 <= alpha <= collapse.interval[1] + 0.02
    assert collapse.best_score is not None
    assert collapse.best_score < 2
    assert collapse.scores is not None
    scores = collapse.scores
    assert min(scores, key=lambda key: scores[key] or np.inf) == alpha
    assert (collapse.n_batch_sizes, collapse.reason) == (4, None)


def test_scores_are_those_of_a_second_implementation() -> None:
    points = _points(make_sweep(ranks=(4, 8), batches=(8, 16, 32, 64)))
    collapse = fit_collapse(points, sign=1)
    clouds = read_clouds(points, sign=1)
    assert collapse.scores is not None
    assert collapse.scores[0.5] == pytest.approx(_reference_score(clouds, 0.5), rel=1e-3)
    assert collapse.scores[0.0] == pytest.approx(_reference_score(clouds, 0.0), rel=1e-3)


def test_the_piecewise_linear_score_of_the_paper_agrees_on_alpha() -> None:
    points = _points(make_sweep(ranks=(4, 8), batches=(8, 16, 32, 64), seeds=3))
    clouds = read_clouds(points, sign=1)
    alphas = np.arange(0.0, 1.01, 0.05)
    lowest = alphas[np.argmin([_houdayer_hartmann(clouds, alpha) for alpha in alphas])]
    assert fit_collapse(points, sign=1).best_alpha == pytest.approx(lowest, abs=0.1)


def test_curves_of_a_bent_law_do_not_collapse() -> None:
    points = _points(make_sweep(law=hinged(0.9, -0.3, 32), ranks=(8,)))
    collapse = fit_collapse(points, sign=1)
    assert collapse.best_score is None or collapse.best_score > 3


def test_two_batch_sizes_are_not_judged() -> None:
    collapse = fit_collapse(_points(make_sweep(ranks=(8,), batches=(8, 16))), sign=1)
    assert collapse.best_alpha is None
    assert collapse.reason == "a collapse needs optima at 3 batch sizes in one setting; two always nearly collapse"


def test_without_any_measure_of_noise_there_is_an_alpha_but_no_score() -> None:
    points = _points(make_sweep(ranks=(8,), seeds=1, sd=0.0, batches=(8, 16, 32, 64)))
    collapse = fit_collapse(points, sign=1)
    assert collapse.best_alpha == pytest.approx(0.5, abs=0.03)
    if collapse.noise_sd is None:
        assert collapse.scores is not None
        assert set(collapse.scores.values()) == {None}


def test_a_score_that_is_better_when_higher_collapses_alike() -> None:
    results = make_sweep(ranks=(8,), batches=(8, 16, 32, 64))
    mirrored = read_points(
        results.assign(value=-results["value"]),
        metric="score",
        direction="max",
        make_axis=lambda columns: read_batch_axis(columns, "batch_size"),
        setting=None,
        by_budget=True,
    )
    ours, theirs = fit_collapse(_points(results), sign=1), fit_collapse(mirrored.points, sign=-1)
    assert theirs.best_alpha == pytest.approx(ours.best_alpha)
    assert theirs.best_score == pytest.approx(ours.best_score)
