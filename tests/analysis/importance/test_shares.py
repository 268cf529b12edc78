"""Exact and forest shares against known truth and against optuna."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from analysis.importance.axes import make_axis
from analysis.importance.compute import compute_importance
from analysis.importance.factorial import Grid, as_grid, grid_resamples, grid_shares
from analysis.importance.forest import forest_shares
from analysis.importance.ped import PedAnova
from analysis.importance.types import GroupImportance, Importances
from tests.analysis.importance.trials import Settings, grid, number, random_trials

LRS = (1e-5, 1e-4, 1e-3)
A_EFFECT: Mapping[float, float] = {1e-5: 0.0, 1e-4: 3.0, 1e-3: 6.0}  # variance 6
B_EFFECT: Mapping[int, float] = {4: 0.0, 8: 2.0}  # variance 1


def only(found: Importances) -> GroupImportance:
    (group,) = found.groups
    return group


def additive(setting: Settings) -> float:
    return A_EFFECT[number(setting, "learning_rate")] + B_EFFECT[int(number(setting, "batch_size"))]


def test_an_additive_grid_gives_its_known_shares() -> None:
    found = only(compute_importance(grid(additive, learning_rate=LRS, batch_size=(4, 8)), metric="loss", scale="value"))

    assert found.method == "factorial"
    assert {item.key: item.main for item in found.importances} == pytest.approx(
        {"learning_rate": 6 / 7, "batch_size": 1 / 7}
    )
    assert found.unexplained == pytest.approx(0.0, abs=1e-12)
    assert [pair.share for pair in found.pairs] == pytest.approx([0.0], abs=1e-12)
    assert "learning_rate explains most of the difference between trials: 86 %" in found.summary


def test_a_pure_interaction_is_all_unexplained_and_all_in_the_pair() -> None:
    def loss(setting: Settings) -> float:
        return float((number(setting, "learning_rate") == 1e-5) == (number(setting, "batch_size") == 4))

    found = only(
        compute_importance(
            grid(loss, learning_rate=(1e-5, 1e-3), batch_size=(4, 8), lora_rank=(8, 16)), metric="loss", scale="value"
        )
    )

    assert all(item.main == pytest.approx(0) for item in found.importances)
    assert found.unexplained == pytest.approx(1)
    assert found.pairs[0].keys == ("learning_rate", "batch_size")
    assert found.pairs[0].share == pytest.approx(1)
    assert any("one at a time" in warning for warning in found.warnings)


def test_noise_between_seeds_is_its_known_share_of_the_variance() -> None:
    generator = np.random.default_rng(3)
    found = only(
        compute_importance(
            grid(
                additive, seeds=8, noise=lambda: float(generator.normal(0, 2.0)), learning_rate=LRS, batch_size=(4, 8)
            ),
            metric="loss",
            scale="value",
        )
    )
    # Means of 8 runs: variance 4 / 8 beside 7 of the two effects.
    assert found.noise_share == pytest.approx(0.5 / 7.5, rel=0.4)
    assert found.unexplained is not None
    assert found.noise_share is not None


def test_an_unreplicated_grid_has_no_noise_share() -> None:
    found = only(compute_importance(grid(additive, learning_rate=LRS, batch_size=(4, 8)), metric="loss"))
    assert found.noise_share is None


@given(
    npst.arrays(np.float64, st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 3)),
                elements=st.floats(-10, 10, width=32))
)  # fmt: skip
def test_exact_shares_are_the_brute_force_marginal_variances(table: np.ndarray) -> None:
    shares = grid_shares(Grid(table), [(0, 1), (0, 2), (1, 2)])
    total = np.mean([(value - table.mean()) ** 2 for value in table.ravel()])
    if shares is None:
        assert total == pytest.approx(0, abs=1e-9)
        return
    means = [np.mean(table[index]) for index in range(table.shape[0])]
    assert shares.main[0] == pytest.approx(np.mean([(mean - table.mean()) ** 2 for mean in means]) / total, abs=1e-9)
    assert shares.main.sum() + shares.pairs.sum() <= 1 + 1e-9


def test_a_grid_with_a_hole_or_a_cell_twice_is_none() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    assert as_grid(codes, [2, 2], np.arange(4.0)) is not None
    assert as_grid(codes[:3], [2, 2], np.arange(3.0)) is None
    assert as_grid(codes[[0, 1, 2, 2]], [2, 2], np.arange(4.0)) is None


def test_intervals_of_a_grid_cover_at_their_rate() -> None:
    """200 noisy 6 x 4 tables of a known additive function; the truth is its share with the noise counted in."""
    first, second, sd = np.linspace(0, 3, 6), np.array([0.0, 0.4, 0.8, 1.2]), 0.5
    truth = np.var(first) / (np.var(first) + np.var(second) + sd**2)
    covered = 0
    for repetition in range(200):
        noise = np.random.default_rng(repetition).normal(0, sd, (6, 4))
        table = Grid(first[:, None] + second[None, :] + noise)
        mains = [shares.main[0] for shares in grid_resamples(table, [], n=200, seed=repetition)]
        low, high = np.quantile(mains, [0.025, 0.975])
        covered += low <= truth <= high
    assert 180 <= covered <= 198


# --- forest -----------------------------------------------------------------------------------------------------------


def test_forest_shares_are_those_of_optuna() -> None:
    optuna = pytest.importorskip("optuna")
    generator = np.random.default_rng(0)
    codes = generator.uniform(size=(80, 3))
    losses = 2 * codes[:, 0] + codes[:, 1] * codes[:, 2] + generator.normal(0, 0.1, 80)
    bounds = np.array([[0.0, 1.0]] * 3)
    distributions = {f"x{axis}": optuna.distributions.FloatDistribution(0, 1) for axis in range(3)}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.add_trials(
        optuna.trial.create_trial(
            params={f"x{axis}": float(code) for axis, code in enumerate(row)}, distributions=distributions, value=loss
        )
        for row, loss in zip(codes, losses.tolist(), strict=True)
    )
    expected = optuna.importance.FanovaImportanceEvaluator(seed=7, n_trees=8).evaluate(study)

    ours = forest_shares(codes, losses, bounds, [(1, 2)], seed=7, n_trees=8)

    assert ours is not None
    assert ours.main == pytest.approx([expected[f"x{axis}"] for axis in range(3)], rel=1e-9)
    assert 0.001 < ours.pairs[0] < 0.02  # the product's own share is 1/144 of a variance of about 0.4


def test_ped_anova_is_that_of_optuna() -> None:
    optuna = pytest.importorskip("optuna")
    generator = np.random.default_rng(0)
    codes = generator.uniform(0.5, 1, size=(120, 3))
    losses = (codes[:, 0] - 0.7) ** 2 + 0.02 * codes[:, 1]
    axes = [make_axis(f"x{axis}", codes[:, axis].tolist()) for axis in range(3)]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.add_trials(
        optuna.trial.create_trial(
            params={f"x{axis}": float(code) for axis, code in enumerate(row)},
            distributions={axis.key: optuna.distributions.FloatDistribution(axis.low, axis.high) for axis in axes},
            value=loss,
        )
        for row, loss in zip(codes, losses.tolist(), strict=True)
    )
    found = optuna.importance.PedAnovaImportanceEvaluator().evaluate(study)
    expected = np.array([found[f"x{axis}"] for axis in range(3)])

    assert PedAnova(axes, losses).shares() == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_ped_anova_without_a_best_part_is_zero() -> None:
    axes = [make_axis("a", list(range(20))), make_axis("b", [0, 1] * 10)]
    assert PedAnova(axes, np.ones(20)).shares().tolist() == [0.0, 0.0]


def test_a_forest_comes_near_the_truth_and_says_what_it_is() -> None:
    results = random_trials(lambda it: 2 * number(it, "a") + number(it, "b"), 150, 1, ("a", "b", "c"), sd=0.1)
    found = only(compute_importance(results, metric="loss", scale="value"))

    assert found.method == "forest"
    shares = {item.key: item.main for item in found.importances}
    assert shares["a"] == pytest.approx(0.8, abs=0.08)
    assert shares["b"] == pytest.approx(0.2, abs=0.08)
    assert shares["c"] < 0.02
    for item in found.importances:
        assert item.interval is not None
        assert item.interval[0] <= item.main <= item.interval[1]
    assert found.importances[0].ped is not None
    assert sum(item.ped or 0 for item in found.importances) == pytest.approx(1)


@pytest.mark.slow
def test_intervals_of_a_forest_cover_its_own_mean_over_samples() -> None:
    """The stated meaning: how far the estimate moves with the trials that happened to be run."""
    found = [
        only(
            compute_importance(
                random_trials(lambda it: 2 * number(it, "a") + number(it, "b"), 60, seed, ("a", "b"), sd=0.2),
                metric="loss",
                scale="value",
            )
        )
        for seed in range(20)
    ]
    leaders = [next(item for item in group.importances if item.key == "a") for group in found]
    mean = float(np.mean([item.main for item in leaders]))
    covered = sum(item.interval is not None and item.interval[0] <= mean <= item.interval[1] for item in leaders)
    assert covered >= 16
