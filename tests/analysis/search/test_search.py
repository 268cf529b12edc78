"""Search progress on histories small enough to work out by hand, and on a real table of optimizers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError
from analysis.search.progress import compute_search_progress
from analysis.search.summary import log_mean
from analysis.search.types import SearchCurve, Step
from tests.analysis.sweeps import make_results, messy_tables
from tests.shared_data import table_path

START = pd.Timestamp("2026-01-01", tz="UTC")


def history(runs: Sequence[Mapping[str, object]], *, gap_s: float = 1000.0) -> pd.DataFrame:
    """Runs one after the other, ten seconds each unless said otherwise; a trial is its learning rate."""
    return make_results(
        {
            "trial_key": f"t{run['learning_rate']}",
            "created_at": START + pd.Timedelta(seconds=gap_s * index),
            "wall_s": 10.0,
            "sweep_id": "one",
            **run,
        }
        for index, run in enumerate(runs)
    )


def run(lr: float, value: float, **columns: object) -> dict[str, object]:
    return {"learning_rate": lr, "value": value, **columns}


def only(results: pd.DataFrame, **options: object) -> SearchCurve:
    (curve,) = compute_search_progress(results, metric="loss", cost="wall_s", **options).curves  # type: ignore[arg-type]
    return curve


def steps(curve: SearchCurve) -> list[tuple[float, float]]:
    return [(step.cost, round(step.regret, 9)) for step in curve.steps]


def test_regret_falls_when_a_better_configuration_ends() -> None:
    curve = only(history([run(1e-4, 3.0), run(2e-4, 4.0), run(3e-4, 1.0), run(4e-4, 2.0)]))

    assert steps(curve) == [(10.0, 2.0), (30.0, 0.0)]
    assert (curve.total_cost, curve.final_regret, curve.n_runs) == (40.0, 0.0, 4)
    assert [step.run_id for step in curve.steps] == ["r000", "r002"]


def test_failed_and_diverged_runs_cost_and_come_before_the_first_step() -> None:
    curve = only(
        history(
            [
                run(1e-4, math.nan, status="failed", n_logged=0),
                run(2e-4, math.nan, status="diverged"),
                run(3e-4, 2.0),
                run(4e-4, math.nan, status="stopped", n_logged=0),
                run(5e-4, 1.0),
            ]
        )
    )
    assert steps(curve) == [(30.0, 1.0), (50.0, 0.0)]
    assert curve.n_runs == 5


def test_an_incumbent_is_judged_by_its_final_mean_not_by_its_lucky_value() -> None:
    # Trial 1e-4 looks best with 1.0, but its other seed says 5.0: in the end it is worth 3.0, and the best is 2.0.
    curve = only(history([run(1e-4, 1.0, seed=0), run(2e-4, 2.0), run(1e-4, 5.0, seed=1)]))
    assert steps(curve) == [(10.0, 1.0), (30.0, 0.0)]


def test_regret_may_rise_because_luck_is_believed_first() -> None:
    # The good 2.0 comes first; a lucky 1.5 replaces it, and is worth 3.0 by all its runs.
    curve = only(history([run(1e-4, 2.0), run(2e-4, 1.5, seed=0), run(2e-4, 4.5, seed=1)]))
    assert steps(curve) == [(10.0, 0.0), (20.0, 1.0), (30.0, 0.0)]


def test_a_configuration_that_diverged_is_no_longer_recommended_and_counts_as_the_worst() -> None:
    curve = only(
        history(
            [run(1e-4, 1.0, seed=0), run(2e-4, 3.0), run(1e-4, math.nan, seed=1, status="diverged"), run(3e-4, 2.0)]
        )
    )
    assert steps(curve) == [(10.0, 1.0), (30.0, 1.0), (40.0, 0.0)]


def test_higher_is_better_mirrors() -> None:
    curve = only(history([run(1e-4, 0.3), run(2e-4, 0.9)]), direction="max")
    assert steps(curve) == [(10.0, 0.6), (20.0, 0.0)]


def test_runs_count_in_the_order_of_their_ends() -> None:
    early_end = [run(1e-4, 3.0, wall_s=5000.0), run(2e-4, 1.0)]
    assert steps(only(history(early_end))) == [(10.0, 0.0)]
    # Our own trainer's last row is written when the run ends; imported rows are written when they are imported.
    own = history(early_end).assign(source="ucurve", updated_at=[START, START + pd.Timedelta(seconds=1)])
    assert steps(only(own)) == [(5000.0, 2.0), (5010.0, 0.0)]
    imported = history(early_end).assign(source="table", updated_at=START)
    assert steps(only(imported)) == [(10.0, 0.0)]


def test_equal_ends_are_said() -> None:
    found = compute_search_progress(history([run(1e-4, 1.0), run(2e-4, 2.0)], gap_s=0), metric="loss")
    assert "1 of 2 runs ended at the same moment" in found.warnings[0]


def test_repeats_are_median_and_quartiles_over_what_all_cover() -> None:
    rows = []
    for index, values in enumerate([(3.0, 1.0, 2.0), (2.0, 3.0, 1.0), (1.0, 2.0, 3.0)]):
        name = {"sweep_id": f"s{index}", "config_json": json.dumps({"search_strategy": "random"})}
        rows += [run(value * 1e-4, value, seed=index, **name) for value in values]
    results = history(rows)
    results["trial_key"] = "t" + results["value"].astype(str)
    (curve,) = compute_search_progress(results, metric="loss", by="search_strategy", cost="evaluations").curves

    assert (curve.strategy, curve.n_searches, curve.n_runs, curve.total_cost) == ("random", 3, 9, 3.0)
    found = [(step.cost, step.low, step.regret, step.high) for step in curve.steps]
    assert found == [(1.0, 0.5, 1.0, 1.5), (2.0, 0.0, 0.0, 0.5), (3.0, 0.0, 0.0, 0.0)]
    assert all(step.run_id is None for step in curve.steps)


def test_strategies_are_told_apart_and_share_the_optimum_of_their_task() -> None:
    results = history([run(1e-4, 3.0, sweep_id="a"), run(2e-4, 1.0, sweep_id="b"), run(3e-4, 2.0, sweep_id="a")])
    found = compute_search_progress(results, metric="loss", cost="evaluations")

    assert found.by == "sweep_id"
    assert {curve.strategy: steps(curve) for curve in found.curves} == {
        "a": [(1.0, 2.0), (2.0, 1.0)],
        "b": [(1.0, 0.0)],
    }
    assert {curve.strategy: curve.normalised_regret for curve in found.curves} == {"a": 0.5, "b": 0.0}
    with pytest.raises(FilterError, match="no configuration key 'sampling'"):
        compute_search_progress(results, metric="loss", by="sampling")


def test_tasks_are_normalised_apart() -> None:
    results = history([run(1e-4, 3.0, model="a"), run(2e-4, 1.0, model="a"), run(1e-4, 9.0, model="b")])
    found = compute_search_progress(results.assign(trial_key=results["run_id"]), metric="loss", cost="evaluations")
    assert [(curve.label, curve.final_regret) for curve in found.curves] == [("model a", 0.0), ("model b", 0.0)]


def test_the_cost_is_chosen_by_what_is_known() -> None:
    results = history([run(1e-4, 3.0), run(2e-4, 1.0)])
    assert compute_search_progress(results, metric="loss").cost == "wall_s"
    assert compute_search_progress(results.assign(tokens_seen=[5, 5]), metric="loss").cost == "tokens_seen"
    assert compute_search_progress(results.drop(columns="wall_s"), metric="loss").cost == "evaluations"
    with pytest.raises(FilterError, match="tokens_seen is unknown for 2 finished runs"):
        compute_search_progress(results, metric="loss", cost="tokens_seen")
    failed = history([run(1e-4, 3.0), run(2e-4, math.nan, status="failed", n_logged=0, wall_s=None)])
    assert any(
        "1 failed or diverged run cost" in text for text in compute_search_progress(failed, metric="loss").warnings
    )


def test_before_the_first_result_there_is_no_regret() -> None:
    found = compute_search_progress(history([run(1e-4, math.nan, status="diverged")]), metric="loss")
    assert found.curves == ()


def test_the_mean_over_log_cost_is_a_weighted_mean_of_steps() -> None:
    held = [
        Step(cost=cost, regret=regret, low=0, high=0, run_id=None) for cost, regret in [(1, 4.0), (2, 2.0), (8, 0.0)]
    ]
    # One doubling at 4, two at 2, one at 0.
    assert log_mean(held, 1, 16) == pytest.approx((4 + 2 * 2 + 0) / 4)
    assert log_mean(held, 2, 4) == pytest.approx(2.0)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12), st.integers(0, 3))
def test_without_repeats_regret_is_the_best_so_far(values: list[float], shuffle: int) -> None:
    results = history([run((index + 1) * 1e-5, value) for index, value in enumerate(values)])
    rows = np.random.default_rng(shuffle).permutation(len(results))
    curve = only(results.iloc[rows].reset_index(drop=True))

    best_so_far = np.minimum.accumulate(values) - min(values)
    held = [
        max((s for s in curve.steps if s.cost <= 10.0 * k), key=lambda s: s.cost).regret
        for k in range(1, len(values) + 1)
    ]
    assert held == pytest.approx(best_so_far.tolist())


@settings(max_examples=40)
@given(messy_tables())
def test_any_table_gets_an_answer_in_strict_json(results: pd.DataFrame) -> None:
    found = compute_search_progress(results, metric="loss")
    json.dumps(found.to_json(), allow_nan=False)
    for curve in found.curves:
        assert all(step.regret >= 0 for step in curve.steps)
        assert [step.cost for step in curve.steps] == sorted(step.cost for step in curve.steps)


def test_random_search_on_taskset_is_what_a_loop_over_the_table_says() -> None:
    """Twenty random searches of 40 optimizers each, replayed by hand on two tasks with one optimum each."""
    rows: list[dict[str, object]] = []
    expected: dict[str, list[list[float]]] = {}
    for task in ("imdb_patch128_LSTM128_embed128_bs64", "imdb_patch32_GRU64_avg_bs128"):
        table = pd.read_csv(table_path(f"taskset-curves/{task}.csv"))
        losses, rates = table["v50"].to_numpy(), table["learning_rate"].to_numpy()
        chosen = [np.random.default_rng(search).permutation(len(table))[:40] for search in range(20)]
        tried = np.unique(np.concatenate(chosen))
        best = np.nanmin(losses[tried])
        expected[task] = [
            [float(np.nanmin(losses[order[:n]]) - best) if np.isfinite(losses[order[:n]]).any() else math.nan
             for n in range(1, 41)]
            for order in chosen
        ]  # fmt: skip
        for search, order in enumerate(chosen):
            rows += [
                {
                    "run_id": f"{task}-{search}-{position}",
                    "trial_key": f"{task}-{index}",
                    "status": "finished" if np.isfinite(losses[index]) else "diverged",
                    "learning_rate": float(rates[index]),
                    "value": float(losses[index]),
                    "n_logged": 1,
                    "dataset": task,
                    "sweep_id": f"s{search}",
                    "created_at": START + pd.Timedelta(seconds=position),
                    "wall_s": 0.5,
                    "config_json": '{"search_strategy": "random"}',
                }
                for position, index in enumerate(order)
            ]
    found = compute_search_progress(pd.DataFrame(rows), metric="v50", by="search_strategy", cost="evaluations")

    assert len(found.curves) == 2
    for curve in found.curves:
        by_hand = np.array(expected[str(curve.group["dataset"])])
        assert curve.n_searches == 20
        for n in (5, 10, 20, 40):
            held = max((step for step in curve.steps if step.cost <= n), key=lambda step: step.cost)
            low, middle, high = np.quantile(by_hand[:, n - 1], [0.25, 0.5, 0.75])
            assert (held.low, held.regret, held.high) == pytest.approx((low, middle, high))
