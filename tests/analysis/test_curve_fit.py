from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.lr_curves.fit import ValleyFit, choose_fit, fit_form, fit_forms, optimum_se
from analysis.lr_curves.forms import FORMS, FloatArray, Form
from analysis.lr_curves.interval import fieller_bounds, find_interval
from analysis.lr_curves.replicates import N_RESAMPLES, Replicates, read_replicates, resample_means
from analysis.lr_curves.types import LrPoint, Noise
from analysis.lr_curves.u_test import slopes_p_value, two_lines_p
from analysis.lr_curves.window import choose_window

BY_NAME = {form.name: form for form in FORMS}
POLYNOMIALS = [BY_NAME["parabola"], BY_NAME["cubic"], BY_NAME["quartic"]]


def points_of(x: FloatArray, table: FloatArray, *, shared_seeds: bool = False) -> list[LrPoint]:
    return [
        LrPoint(
            learning_rate=math.exp(at),
            mean=float(row.mean()),
            sd=None,
            n=len(row),
            n_diverged=0,
            values=tuple(row.tolist()),
            seeds=tuple(range(len(row))) if shared_seeds else (0,) * len(row),
        )
        for at, row in zip(x, table, strict=True)
    ]


def noisy(seed: int, n_points: int = 6, n_runs: int = 1, sd: float = 0.01) -> tuple[FloatArray, FloatArray]:
    """ln(learning rate) and a table of losses, shape (n_points, n_runs), on a parabola."""
    generator = np.random.default_rng(seed)
    x = np.log(np.geomspace(1e-5, 1e-3, n_points))
    center = float(np.mean(x)) + 0.3
    return x, 2 + 0.05 * (x - center)[:, None] ** 2 + generator.normal(0, sd, (n_points, n_runs))


def fitted(form: Form, x: FloatArray, table: FloatArray) -> ValleyFit:
    return fit_form(form, x, table.mean(axis=1), read_replicates(points_of(x, table), None))


# --- one form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", POLYNOMIALS, ids=lambda form: form.name)
@pytest.mark.parametrize("n_runs", [1, 3])
def test_coefficients_and_covariance_are_those_of_polyfit_over_single_runs(form: Form, n_runs: int) -> None:
    x, table = noisy(1, n_points=7, n_runs=n_runs)
    fit = fitted(form, x, table)
    u = np.repeat((x - fit.center) / fit.half_width, n_runs)
    coefficients, covariance = np.polyfit(u, table.ravel(), form.n_parameters - 1, cov=True)
    np.testing.assert_allclose(fit.coefficients, coefficients[::-1], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, covariance[::-1, ::-1], rtol=1e-7, atol=1e-14)
    assert fit.dof == 7 * n_runs - form.n_parameters


def test_noise_that_grows_is_weighted_as_statsmodels_does() -> None:
    x, table = noisy(2, n_points=7, n_runs=5)
    scale = np.exp(x - x.mean())
    table = table.mean(axis=1, keepdims=True) + np.random.default_rng(0).normal(0, 0.01, table.shape) * scale[:, None]
    replicates = read_replicates(points_of(x, table), None)
    assert np.ptp(replicates.scale) > 1
    fit = fit_form(BY_NAME["cubic"], x, table.mean(axis=1), replicates)
    u = np.repeat((x - fit.center) / fit.half_width, 5)
    reference = sm.WLS(table.ravel(), np.power.outer(u, np.arange(4)), weights=1 / np.repeat(replicates.scale**2, 5))
    result = reference.fit()
    np.testing.assert_allclose(fit.coefficients, result.params, rtol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), result.bse, rtol=1e-7)


def test_even_noise_is_not_weighted() -> None:
    x, table = noisy(3, n_points=7, n_runs=5)
    assert np.all(read_replicates(points_of(x, table), None).scale == 1)


def test_linex_is_found_where_it_is_the_truth() -> None:
    x = np.linspace(-3, 3, 7)
    truth = 2 + 0.05 * (np.exp(0.4 * (x - 0.5)) - 1 - 0.4 * (x - 0.5))
    fit = fitted(BY_NAME["linex"], x, truth[:, None])
    assert fit.kind == pytest.approx(1.2)
    assert fit.lowest == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(fit.values_at(x), truth, atol=1e-9)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_lowest_point_is_that_of_a_numerical_search(form: Form) -> None:
    for seed in range(10):
        x, table = noisy(seed, n_points=7, sd=0.02)
        fit = fitted(form, x, table)
        assert fit.lowest is not None
        near = optimize.minimize_scalar(
            lambda at, fit=fit: float(fit.values_at(np.array([at]))[0]),
            bounds=(fit.lowest - 0.05, fit.lowest + 0.05),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert fit.lowest == pytest.approx(near.x, abs=1e-5)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_derivatives_are_those_of_small_differences(form: Form) -> None:
    fit = fitted(form, *noisy(4, n_points=7))
    x = np.linspace(*fit.x_range, 9)
    step = 1e-5
    up, down = fit.values_at(x + step * fit.half_width), fit.values_at(x - step * fit.half_width)
    np.testing.assert_allclose(fit.slopes_at(x), (up - down) / (2 * step), atol=1e-6)
    u = np.linspace(-0.9, 0.9, 5)
    kind = form.kinds[-1]
    columns = form.jacobian(u, kind, fit.coefficients)
    assert columns.shape == (5, form.n_parameters)
    if kind:
        shifted = [form.basis(u, kind + side * step) @ fit.coefficients for side in (1, -1)]
        np.testing.assert_allclose(columns[:, -1], (shifted[0] - shifted[1]) / (2 * step), atol=1e-6)


def test_a_hill_has_no_lowest_point() -> None:
    x = np.arange(6.0)
    hill = -((x - 2) ** 2)[:, None]
    assert all(fitted(form, x, hill).lowest is None for form in FORMS if form.name != "quartic")


def test_the_error_at_points_left_out_is_that_of_fitting_without_them() -> None:
    x, table = noisy(5, n_points=7)
    means = table[:, 0]
    errors = []
    for left_out in range(1, 6):
        rest = np.delete(np.arange(7), left_out)
        errors.append(means[left_out] - np.polyval(np.polyfit(x[rest], means[rest], 3), x[left_out]))
    assert fitted(BY_NAME["cubic"], x, table).prediction_error == pytest.approx(math.sqrt(np.mean(np.square(errors))))


# --- choosing a form --------------------------------------------------------------------------------------------------


def test_what_predicts_better_is_chosen() -> None:
    x = np.log(np.geomspace(1e-5, 1e-3, 7))
    u = x - float(np.mean(x)) - 0.3
    lopsided = 2 + 0.05 * u**2 * (1 + 0.4 * np.tanh(u))
    for truth, wrong, right in [(2 + 0.05 * u**2, "", "parabola"), (lopsided, "parabola", "")]:
        fits = fit_forms(x, truth, read_replicates(points_of(x, truth[:, None]), None))
        chosen = choose_fit(fits, truth)
        assert chosen is not None
        assert chosen.form.name != wrong
        assert not right or chosen.form.name == right


def test_replicates_betray_a_curve_of_another_form() -> None:
    x = np.linspace(-2, 2, 7)
    table = np.abs(x)[:, None] + np.array([0.001, -0.001])
    fits = fit_forms(x, table.mean(axis=1), read_replicates(points_of(x, table), None))
    assert all(fit.is_contradicted for fit in fits)
    assert choose_fit(fits, table.mean(axis=1)) is None


def test_the_lack_of_fit_test_is_the_f_test_between_nested_models() -> None:
    x, table = noisy(6, n_points=6, n_runs=3, sd=0.05)
    fit = fitted(BY_NAME["parabola"], x, table)
    y, at = table.ravel(), np.repeat(x - x.mean(), 3)
    small = sm.OLS(y, np.power.outer(at, np.arange(3))).fit()
    full = sm.OLS(y, np.repeat(np.eye(6), 3, axis=0)).fit()
    assert fit.p_fit == pytest.approx(sm.stats.anova_lm(small, full)["Pr(>F)"].iloc[1], rel=1e-6)


# --- the interval -----------------------------------------------------------------------------------------------------


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
    fit = fitted(BY_NAME["parabola"], *noisy(seed))
    _, b, c = fit.coefficients
    v = fit.covariance
    expected = _fieller(b, c, v[1, 1], v[1, 2], v[2, 2], float(stats.t.ppf(0.975, fit.dof)))
    bounds = fieller_bounds(fit)
    assert bounds is not None
    np.testing.assert_allclose((np.array(bounds) - fit.center) / fit.half_width, expected, rtol=1e-8)


@pytest.mark.parametrize("form", FORMS[1:], ids=lambda form: form.name)
def test_at_the_ends_of_the_interval_the_slope_is_just_significant(form: Form) -> None:
    fit = fitted(form, *noisy(8, n_points=7, n_runs=3))
    bounds = fieller_bounds(fit)
    assert bounds is not None
    ends = np.array(bounds)
    ratio = fit.slopes_at(ends) / fit.errors_at(ends, derivative=1)
    np.testing.assert_allclose(np.abs(ratio), stats.t.ppf(0.975, fit.dof), rtol=5e-3)


def test_an_insignificant_curvature_has_no_interval() -> None:
    x = np.arange(5.0)
    fit = fitted(BY_NAME["parabola"], x, np.array([[1.3], [0.8], [1.1], [0.9], [1.2]]))
    assert fit.lowest is not None
    assert fieller_bounds(fit) is None


def test_without_residuals_there_is_no_interval() -> None:
    fit = fitted(BY_NAME["parabola"], np.arange(3.0), np.array([[1.0], [0.5], [1.2]]))
    assert fit.dof == 0
    assert math.isnan(fit.variance)
    assert np.isnan(fit.errors_at(np.array([1.0]))).all()
    assert (fieller_bounds(fit), optimum_se(fit)) == (None, None)


def test_the_standard_error_of_the_optimum_is_that_of_the_delta_method() -> None:
    fit = fitted(BY_NAME["parabola"], *noisy(3))
    _, b, c = fit.coefficients
    v = fit.covariance
    expected = math.sqrt((v[1, 1] + (b / c) ** 2 * v[2, 2] - 2 * (b / c) * v[1, 2]) / (4 * c * c))
    assert optimum_se(fit) == pytest.approx(expected * fit.half_width, rel=1e-9)


def test_without_noise_the_interval_is_the_optimum() -> None:
    x = np.log(np.geomspace(1e-5, 1e-3, 5))
    bounds = fieller_bounds(fitted(BY_NAME["parabola"], x, 2 + 0.05 * (x + 9.1)[:, None] ** 2))
    assert bounds is not None
    np.testing.assert_allclose(bounds, (-9.1, -9.1), atol=1e-5)


def test_one_replicated_learning_rate_lends_its_noise_to_all() -> None:
    x, table = noisy(9)
    alone = read_replicates(points_of(x, table), None)
    borrowed = read_replicates(points_of(x, table), Noise(sd=0.02, dof=2))
    assert (alone.dof, borrowed.dof) == (0, 2)
    assert borrowed.variance == pytest.approx(0.0004)
    means = table.mean(axis=1)
    fits = fit_forms(x, means, borrowed)
    chosen = choose_fit(fits, means)
    assert chosen is not None
    assert "noise pooled" in find_interval(fits, chosen, x, means, borrowed).method


# --- resampling -------------------------------------------------------------------------------------------------------


def _resampled(*, shared_seeds: bool, seed_shift: float) -> tuple[Replicates, NDArray[np.float64]]:
    x, table = noisy(11, n_points=5, n_runs=8)
    table = table + np.random.default_rng(1).normal(0, seed_shift, (1, 8))
    replicates = read_replicates(points_of(x, table, shared_seeds=shared_seeds), None)
    return replicates, resample_means(table.mean(axis=1), replicates) - table.mean(axis=1)[:, None]


def test_resampled_means_spread_as_scipys_bootstrap_says() -> None:
    replicates, shifts = _resampled(shared_seeds=False, seed_shift=0.0)
    assert shifts.shape == (5, N_RESAMPLES)
    pool = stats.bootstrap(
        (replicates.residuals,), np.mean, n_resamples=2000, rng=np.random.default_rng(0)
    ).standard_error * math.sqrt(len(replicates.residuals) / 8)
    widening = stats.t.ppf(0.975, replicates.dof) / stats.norm.ppf(0.975)
    assert float(np.std(shifts)) == pytest.approx(pool * widening, rel=0.05)


def test_what_a_seed_shifts_everywhere_moves_no_optimum() -> None:
    still, _ = _resampled(shared_seeds=True, seed_shift=0.0)
    shifted, _ = _resampled(shared_seeds=True, seed_shift=1.0)
    apart, _ = _resampled(shared_seeds=False, seed_shift=1.0)
    assert shifted.is_paired
    assert shifted.variance == pytest.approx(still.variance)
    assert (still.dof, apart.dof) == (4 * 7, 5 * 7)
    assert apart.variance > 100 * still.variance


def test_the_paired_variance_is_that_of_a_two_way_analysis() -> None:
    x, table = noisy(12, n_points=5, n_runs=3)
    replicates = read_replicates(points_of(x, table, shared_seeds=True), None)
    design = np.hstack([np.repeat(np.eye(5), 3, axis=0), np.tile(np.eye(3), (5, 1))[:, 1:]])
    assert replicates.variance == pytest.approx(sm.OLS(table.ravel(), design).fit().mse_resid)
    assert float(np.mean(replicates.residuals**2)) == pytest.approx(replicates.variance)


# --- is it a U --------------------------------------------------------------------------------------------------------


def test_the_slopes_at_the_ends_are_tested_as_statsmodels_does() -> None:
    x, table = noisy(13, n_points=5, n_runs=3, sd=0.05)
    fit = fitted(BY_NAME["parabola"], x, table)
    u = np.repeat((x - fit.center) / fit.half_width, 3)
    result = sm.OLS(table.ravel(), np.power.outer(u, np.arange(3))).fit()
    low, high = result.t_test([0, 1, -2]), result.t_test([0, 1, 2])
    expected = max(stats.t.cdf(low.tvalue.item(), 12), stats.t.sf(high.tvalue.item(), 12))
    assert slopes_p_value(fit) == pytest.approx(expected, rel=1e-6)


def test_two_lines_are_one_interrupted_regression() -> None:
    x, table = noisy(14, n_points=6, n_runs=2, sd=0.05)
    split = float(np.mean(x)) + 0.2
    at, y = np.repeat(x, 2), table.ravel()
    above = at >= split
    design = np.stack([np.ones(12), above, (at - split) * ~above, (at - split) * above], axis=1)
    result = sm.OLS(y, design).fit()
    expected = max(stats.t.cdf(result.tvalues[2], 8), stats.t.sf(result.tvalues[3], 8))
    assert two_lines_p(points_of(x, table), split, 1.0) == pytest.approx(expected, rel=1e-6)
    assert two_lines_p(points_of(x, table)[-3:], split, 1.0) is None


# --- the window -------------------------------------------------------------------------------------------------------


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
