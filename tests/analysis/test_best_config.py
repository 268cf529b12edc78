from __future__ import annotations

import math

import pytest

from analysis.ranking.comparison import wilson_interval
from analysis.ranking.rank import BestConfiguration, rank_configurations
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


def test_replicates_far_from_the_best_say_nothing_about_its_noise() -> None:
    best = rank(_rows({4: [2.0], 8: [2.1], 16: [2.2], 32: [3.0, 3.00001], 64: [3.1, 3.10001]}))

    assert best.overall.p_best is None
    assert "only configurations of the worse half have two seeds" in best.overall.rule


def test_single_runs_borrow_the_noise_of_the_replicated() -> None:
    best = rank(_rows({4: [2.0], 8: [2.02, 2.04]}))
    assert best.overall.p_best is not None
    assert all(score.se is not None for score in best.overall.ranking)
    assert "borrowed" in " ".join(best.overall.warnings)


def test_the_simplest_within_one_standard_error_is_named() -> None:
    rows = [{**row, "lora_rank": 64} for row in _rows({4: [2.00, 2.04, 2.02]})]
    rows += [{**row, "lora_rank": 8} for row in _rows({8: [2.03, 2.01, 2.05]})]
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
