from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.ranking.rank import BestConfiguration, rank_configurations
from analysis.ranking.stats import (
    Spread,
    draw_posterior,
    estimate_spreads,
    find_indistinguishable,
    wilson_interval,
)
from tests.analysis.sweeps import make_results, u_rows

_CONFIGS = {4: [2.00, 2.02, 2.01], 8: [2.03, 2.02, 2.04], 16: [2.50, 2.52, 2.48]}


def _rows(configs: dict[int, list[float]], **columns: object) -> list[dict[str, object]]:
    return [
        {"learning_rate": 3e-4, "batch_size": size, "seed": seed, "value": value, **columns}
        for size, values in configs.items()
        for seed, value in enumerate(values)
    ]


def rank(rows: list[dict[str, object]]) -> BestConfiguration:
    return rank_configurations(make_results(rows), metric="eval_loss")


def test_the_lowest_mean_wins_and_all_numbers_are_told() -> None:
    best = rank(_rows(_CONFIGS))
    assert best.comparable
    winner = best.overall.winner
    assert winner is not None
    assert (winner.batch_size, winner.rank, winner.n, winner.name) == (4, 1, 3, "batch 4")
    assert winner.mean == pytest.approx(2.01)
    assert winner.sd == pytest.approx(0.01)
    assert [score.batch_size for score in best.overall.ranking] == [4, 8, 16]
    assert [score.rank for score in best.overall.ranking] == [1, 2, 3]
    assert best.overall.p_best == winner.p_best
    assert best.overall.p_best is not None
    assert 0.8 < best.overall.p_best < 1
    assert sum(score.p_best or 0 for score in best.overall.ranking) == pytest.approx(1)
    assert best.overall.ranking[2].rank_interval == (3, 3)


def test_the_json_has_the_documented_keys() -> None:
    document = rank(_rows(_CONFIGS)).to_json()
    assert {"winner", "p_best", "one_se_set", "indistinguishable", "rule", "warnings", "ranking", "groups"} <= set(
        document
    )
    ranking = document["ranking"]
    assert isinstance(ranking, list)
    assert {
        "rank",
        "trial_key",
        "learning_rate",
        "batch_size",
        "lora_rank",
        "mean",
        "sd",
        "se",
        "n",
        "n_diverged",
    } <= set(ranking[0])


def test_single_runs_give_no_probability() -> None:
    best = rank(u_rows())
    assert best.overall.winner is not None
    assert (best.overall.p_best, best.overall.indistinguishable) == (None, None)
    assert best.overall.one_se_set == (best.overall.winner.trial_key,)
    assert all(score.se is None and score.p_best is None for score in best.overall.ranking)
    assert "Unreplicated" in best.overall.rule
    assert "Unreplicated" in best.overall.warnings[0]


def test_single_runs_borrow_the_noise_of_the_replicated() -> None:
    best = rank(_rows({4: [2.0], 8: [2.02, 2.04]}))
    assert best.overall.p_best is not None
    assert all(score.se is not None for score in best.overall.ranking)
    assert "borrowed" in " ".join(best.overall.warnings)


def test_the_simplest_within_one_standard_error_is_named() -> None:
    rows = [{**row, "lora_rank": 64} for row in _rows({4: [2.00, 2.04, 2.02]})]
    rows += [{**row, "lora_rank": 8} for row in _rows({8: [2.01, 2.05, 2.03]})]
    overall = rank(rows).overall
    assert overall.winner is not None
    assert overall.winner.lora_rank == 64
    assert len(overall.one_se_set) == 2
    choice = next(score for score in overall.ranking if score.trial_key == overall.one_se_choice)
    assert choice.lora_rank == 8


def test_a_configuration_with_a_diverged_run_is_listed_but_not_ranked() -> None:
    rows = _rows({4: [1.5, 1.5], 8: [2.0, 2.1]})
    rows.append({"learning_rate": 3e-4, "batch_size": 4, "seed": 2, "status": "diverged", "value": math.nan})
    overall = rank(rows).overall
    assert overall.winner is not None
    assert overall.winner.batch_size == 8
    risky = overall.ranking[-1]
    assert (risky.batch_size, risky.rank, risky.n_diverged, risky.p_best) == (4, None, 1, None)
    assert risky.failure_interval == wilson_interval(1, 3)
    assert "1 of 2 configurations had a diverged run" in " ".join(overall.warnings)


def test_where_every_configuration_diverged_once_survivors_are_ranked_with_a_warning() -> None:
    rows = _rows({4: [2.0], 8: [2.1]})
    rows += [
        {"learning_rate": 3e-4, "batch_size": size, "seed": 1, "status": "diverged", "value": math.nan}
        for size in (4, 8)
    ]
    overall = rank(rows).overall
    assert overall.winner is not None
    assert overall.winner.batch_size == 4
    assert "too good" in " ".join(overall.warnings)


def test_all_diverged_has_no_winner() -> None:
    overall = rank([{"learning_rate": 1e-3, "status": "diverged", "value": math.nan}]).overall
    assert overall.winner is None
    assert "diverged" in overall.rule
    assert len(overall.ranking) == 1


def test_nothing_has_no_winner() -> None:
    best = rank([])
    assert (best.overall.winner, best.groups) == (None, ())
    assert "no finished run" in best.overall.rule


def test_incomparable_runs_are_ranked_apart_and_never_together() -> None:
    best = rank([*_rows(_CONFIGS, eval_set_id="a"), *_rows(_CONFIGS, eval_set_id="b")])
    assert not best.comparable
    assert best.overall.winner is None
    assert "cannot be compared" in best.overall.rule
    assert [dict(ranking.group) for ranking in best.groups] == [{"eval_set_id": "a"}, {"eval_set_id": "b"}]
    assert all(ranking.winner is not None and ranking.winner.rank == 1 for ranking in best.groups)


def test_a_winner_at_the_edge_of_the_learning_rates_is_warned_about() -> None:
    overall = rank(u_rows([1e-4, 2e-4], seeds=2, optimum=1e-2)).overall
    assert "highest one tried" in " ".join(overall.warnings)


def test_higher_is_better_where_it_is_said() -> None:
    best = rank_configurations(make_results(_rows(_CONFIGS)), metric="accuracy", direction="max")
    assert best.overall.winner is not None
    assert best.overall.winner.batch_size == 16
    assert best.overall.winner.mean == pytest.approx(2.5)
    assert "highest mean accuracy" in best.overall.rule


# --- references -------------------------------------------------------------------------------------------------------


def test_five_seeds_need_no_borrowed_variance() -> None:
    generator = np.random.default_rng(0)
    values = [generator.normal(2, 0.1, 6).tolist(), generator.normal(2.1, 0.1, 8).tolist()]
    spreads = estimate_spreads(values)
    assert spreads is not None
    for spread, runs in zip(spreads, values, strict=True):
        assert spread.se == pytest.approx(float(stats.sem(runs)))
        assert spread.dof == len(runs) - 1


def test_few_seeds_share_a_pooled_variance() -> None:
    values = [[2.0, 2.1], [2.05, 2.01, 2.03], [9.0, 3.0]]  # the last is far away, and its noise with it
    spreads = estimate_spreads(values)
    assert spreads is not None
    pooled = (np.var(values[0], ddof=1) + 2 * np.var(values[1], ddof=1)) / 3
    expected = (3 * pooled + np.var(values[0], ddof=1)) / 4
    assert spreads[0].se == pytest.approx(math.sqrt(expected / 2))
    assert spreads[0].dof == 4


def test_the_set_of_equals_is_welch_with_holms_correction() -> None:
    generator = np.random.default_rng(2)
    values = [generator.normal(2 + 0.04 * index, 0.05, 6).tolist() for index in range(5)]
    means = [float(np.mean(runs)) for runs in values]
    spreads = estimate_spreads(values)
    assert spreads is not None
    best = int(np.argmin(means))
    p_values = {
        index: float(stats.ttest_ind(values[index], values[best], equal_var=False, alternative="greater").pvalue)
        for index in range(5)
        if index != best
    }
    rejected: set[int] = set()
    for step, (index, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        if p_value > 0.05 / (4 - step):
            break
        rejected.add(index)
    assert rejected  # otherwise the comparison below would say nothing
    assert find_indistinguishable(means, spreads, best) == sorted(set(range(5)) - rejected)


def test_p_best_of_two_is_the_normal_probability() -> None:
    difference, se = 0.03, 0.02
    posterior = draw_posterior([2.0, 2.0 + difference], [Spread(se, 1e6), Spread(se, 1e6)])
    expected = float(stats.norm.cdf(difference / (se * math.sqrt(2))))
    assert posterior.p_best[0] == pytest.approx(expected, abs=0.015)
    assert posterior == draw_posterior([2.0, 2.0 + difference], [Spread(se, 1e6), Spread(se, 1e6)])


def test_p_best_is_calibrated() -> None:
    """Where it says p, the winner of noisy means is the true best about p of the time."""
    generator = np.random.default_rng(7)
    said, was = [], []
    for _ in range(200):
        truth = generator.normal(0, 0.03, 4)
        values = [generator.normal(mean, 0.03, 3).tolist() for mean in truth]
        spreads = estimate_spreads(values)
        assert spreads is not None
        means = [float(np.mean(runs)) for runs in values]
        p_best = draw_posterior(means, spreads).p_best
        winner = int(np.argmin(means))
        said.append(p_best[winner])
        was.append(winner == int(np.argmin(truth)))
    assert float(np.mean(said)) == pytest.approx(float(np.mean(was)), abs=0.08)


def test_wilson_by_its_formula() -> None:
    z, n, p = 1.959964, 8, 0.25
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson_interval(2, 8) == pytest.approx((center - half, center + half), rel=1e-5)
