from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.lr_curves.fit import FloatArray, fit_polynomial, fit_valley, optimum_interval, optimum_se
from analysis.lr_curves.window import choose_window


def _noisy(seed: int, n_points: int = 5, n_runs: int = 1) -> tuple[FloatArray, list[list[float]]]:
    generator = np.random.default_rng(seed)
    x = np.log(np.geomspace(1e-5, 1e-3, n_points))
    center = float(np.mean(x)) + 0.3
    return x, [[2 + 0.05 * (xi - center) ** 2 + float(generator.normal(0, 0.01)) for _ in range(n_runs)] for xi in x]


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_coefficients_and_covariance_are_those_of_polyfit(degree: int, n_runs: int) -> None:
    x, values = _noisy(1, n_points=7, n_runs=n_runs)
    fit = fit_polynomial(x, values, degree=degree)
    assert not fit.lacks_fit
    xs, ys = np.repeat(x - fit.center, n_runs), np.concatenate([np.array(runs) for runs in values])
    coefficients, covariance = np.polyfit(xs, ys, degree, cov=True)
    np.testing.assert_allclose(fit.coefficients, coefficients[::-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, covariance[::-1, ::-1], rtol=1e-8, atol=1e-14)
    assert fit.dof == 7 * n_runs - degree - 1


def _fieller(b: float, c: float, v_bb: float, v_bc: float, v_cc: float, t: float) -> tuple[float, float]:
    """Fieller's interval of the ratio -b / (2 c), written for a ratio of two normals rho = p / q."""
    p, q = -b / 2, c
    v_pp, v_pq = v_bb / 4, -v_bc / 2
    g = t * t * v_cc / (q * q)
    middle = (p / q - g * v_pq / v_cc) / (1 - g)
    inner = v_pp - 2 * (p / q) * v_pq + (p / q) ** 2 * v_cc - g * (v_pp - v_pq**2 / v_cc)
    half = t / (abs(q) * (1 - g)) * math.sqrt(inner)
    return middle - half, middle + half


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_a_parabola_is_fiellers(seed: int) -> None:
    x, values = _noisy(seed)
    fit = fit_valley(x, values)
    assert fit.degree == 2
    _, b, c = fit.coefficients
    v = fit.covariance
    expected = _fieller(b, c, v[1, 1], v[1, 2], v[2, 2], float(stats.t.ppf(0.975, fit.dof)))
    interval = optimum_interval(fit)
    assert interval is not None
    np.testing.assert_allclose(np.array(interval) - fit.center, expected, rtol=1e-8)


def test_the_standard_error_of_the_optimum_is_that_of_the_delta_method() -> None:
    fit = fit_valley(*_noisy(3))
    _, b, c = fit.coefficients
    v = fit.covariance
    expected = math.sqrt((v[1, 1] + (b / c) ** 2 * v[2, 2] - 2 * (b / c) * v[1, 2]) / (4 * c * c))
    assert optimum_se(fit) == pytest.approx(expected, rel=1e-9)


def test_an_insignificant_curvature_has_no_interval() -> None:
    x = np.arange(5.0)
    fit = fit_valley(x, [[1.3], [0.8], [1.1], [0.9], [1.2]])
    assert fit.lowest is not None
    assert optimum_interval(fit) is None


def test_without_residuals_there_is_no_interval() -> None:
    fit = fit_polynomial(np.arange(3.0), [[1.0], [0.5], [1.2]], degree=2)
    assert fit.dof == 0
    assert math.isnan(fit.residual_sd)
    assert math.isnan(fit.se_at(1.0))
    assert optimum_interval(fit) is None


def test_without_noise_the_interval_is_the_optimum() -> None:
    x = np.log(np.geomspace(1e-5, 1e-3, 5))
    fit = fit_valley(x, [[2 + 0.05 * (xi + 9.1) ** 2] for xi in x])
    interval = optimum_interval(fit)
    assert interval is not None
    np.testing.assert_allclose(interval, (-9.1, -9.1), atol=1e-5)


def test_a_cubic_is_fitted_only_where_replicates_pay_for_it() -> None:
    assert fit_valley(*_noisy(0, n_points=5, n_runs=1)).degree == 2
    assert fit_valley(*_noisy(0, n_points=5, n_runs=2)).degree == 3


def test_replicates_betray_a_curve_of_another_form() -> None:
    x = np.linspace(-2, 2, 7)
    fit = fit_polynomial(x, [[abs(xi) + 0.001, abs(xi) - 0.001] for xi in x], degree=2)
    assert fit.lacks_fit
    assert fit.dof == 7 - 3


def test_a_hill_has_no_lowest_point() -> None:
    x = np.arange(5.0)
    assert fit_polynomial(x, [[-((xi - 2) ** 2)] for xi in x], degree=2).lowest is None


@pytest.mark.parametrize(
    ("losses", "noise_sd", "expected"),
    [
        ([5.0, 2.2, 2.1, 2.0, 2.1, 2.2, 5.0], None, (1, 6)),  # five nearest to the best, no cliff
        ([2.4, 2.3, 2.2, 2.0, 9.0, 9.0, 9.0], None, (0, 4)),  # the cliff on the right stays out
        ([2.03, 2.02, 2.01, 2.0, 2.01, 2.02, 2.03], None, (0, 7)),  # all in the flat of the valley
        ([9.0, 9.0, 9.0, 2.0, 9.0, 9.0, 9.0], None, (1, 5)),  # four at least, whatever they cost
        ([2.9, 2.6, 2.3, 2.0, 2.3, 2.6, 2.9], 0.2, (0, 7)),  # within five standard deviations
    ],
)
def test_the_window_holds_the_valley(losses: list[float], noise_sd: float | None, expected: tuple[int, int]) -> None:
    means = np.array(losses)
    window = choose_window(np.arange(7.0), means, int(np.argmin(means)), noise_sd)
    assert (window.start, window.stop) == expected
