"""What enters a ranking and what is chosen: constraints, groups, failures, costs; properties; a public sweep."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError
from analysis.ranking.rank import Ranking, rank_configurations
from tests.analysis.sweeps import make_results
from tests.shared_data import table_path

few = settings(max_examples=settings().max_examples * 2 // 5)
GIB = 2**30


def _rows(**of_rank: list[float]) -> list[dict[str, object]]:
    """Runs of configurations that differ in the rank; memory and time grow with it, and a little with the seed."""
    return [
        {
            "trial_key": name, "learning_rate": 3e-4, "lora_rank": int(name[1:]), "seed": seed, "value": value,
            "peak_memory_bytes": int(name[1:]) * GIB + seed, "wall_s": 60.0 * int(name[1:]) + seed,
            "tokens_seen": 1000 + seed,
        }
        for name, values in of_rank.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip


ROWS = _rows(r4=[2.10, 2.13, 2.12], r8=[2.05, 2.07, 2.08], r16=[2.00, 2.03, 2.01], r64=[1.99, 2.03, 2.02])


def overall(rows: list[dict[str, object]], **options: object) -> Ranking:
    return rank_configurations(make_results(rows), metric="eval_loss", **options).overall  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("constraint", "winner", "n_excluded"),
    [
        ("lora_rank<=8", 8, 2),
        ("lora_rank=8,16", 16, 2),
        ("peak_memory_bytes<17GiB", 16, 1),
        ("peak_memory_bytes<=16GiB", 8, 2),  # the second and third seed use a few bytes more: the largest counts
        ("wall_s<10min", 8, 2),
        ("eval_loss<2.03", None, 4),
        ("tokens_seen>=1000", 16, 0),
    ],
)
def test_constraints_exclude_whole_configurations(constraint: str, winner: int | None, n_excluded: int) -> None:
    ranking = overall(ROWS, constraints=[constraint])
    assert (ranking.winner.lora_rank if ranking.winner else None) == winner
    assert ranking.n_excluded == n_excluded
    assert [(item.n_excluded, item.n_unknown) for item in ranking.constraints] == [(n_excluded, 0)]
    assert (constraint.split("<")[0] in ranking.rule) or n_excluded in (0, 4)


def test_a_run_that_does_not_say_excludes_its_configuration() -> None:
    rows = [{**row, "peak_memory_bytes": None if row["lora_rank"] == 16 else row["peak_memory_bytes"]} for row in ROWS]
    ranking = overall(rows, constraints=["peak_memory_bytes<17GiB", "lora_rank<=16"])
    assert ranking.winner is not None
    assert ranking.winner.lora_rank == 8
    assert [(item.n_excluded, item.n_unknown) for item in ranking.constraints] == [(1, 1), (1, 0)]
    assert ranking.n_excluded == 2


def test_other_metrics_and_configuration_keys_constrain() -> None:
    rows = [{**row, "config_json": json.dumps({"cache": row["lora_rank"]})} for row in ROWS]
    results = make_results(rows)
    latency = tuple(zip(results["run_id"].astype(str), results["lora_rank"].astype(float), strict=True))
    best = rank_configurations(
        results, metric="eval_loss", constraints=["latency<=16", "cache!=16"], measures=(("latency", latency),)
    )
    assert best.overall.winner is not None
    assert best.overall.winner.lora_rank == 8


def test_constraints_that_exclude_everything_say_so() -> None:
    ranking = overall(ROWS, constraints=["lora_rank<1"])
    assert ranking.winner is None
    assert ranking.ranking == ()
    assert ranking.rule == "No winner: the constraints exclude all configurations (4)."


@pytest.mark.parametrize(
    ("text", "words"), [("no_such<3", "no run has"), ("x", "cannot read"), ("dataset<3", "numbers")]
)
def test_a_constraint_that_cannot_hold_is_explained(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        overall([{**row, "dataset": "d"} for row in ROWS], constraints=[text])


def test_groups_compete_apart() -> None:
    rows = [{**row, "config_json": json.dumps({"width": 1 if row["lora_rank"] in (4, 64) else 2})} for row in ROWS]
    assert rank_configurations(make_results(rows), metric="eval_loss").comparable
    best = rank_configurations(make_results(rows), metric="eval_loss", group_by=["width"])
    assert not best.comparable
    assert [group.winner.lora_rank for group in best.groups if group.winner] == [64, 16]
    with pytest.raises(FilterError, match="no_such"):
        rank_configurations(make_results(rows), metric="eval_loss", group_by=["no_such"])


def test_failures_up_to_a_stated_share_are_ranked() -> None:
    rows = [*ROWS, *_rows(r32=[1.0, 1.1])]
    rows.append({**rows[-1], "seed": 9, "status": "diverged", "value": math.nan})
    strict, lenient = (overall(rows, max_failure_rate=share) for share in (0.0, 0.4))
    assert strict.winner is not None
    assert strict.winner.lora_rank != 32
    assert lenient.winner is not None
    assert (lenient.winner.lora_rank, lenient.winner.n_diverged) == (32, 1)
    assert "1 of 3 runs of the winner diverged" in " ".join(lenient.warnings)


@pytest.mark.parametrize(
    ("first", "rank", "order"),
    [
        ("tokens", 16, "fewest trained tokens, then lowest rank"),
        ("memory", 16, "least memory, then lowest rank"),
        ("time", 16, "shortest time"),
        ("rank", 16, "lowest rank, then"),
    ],
)
def test_the_cheapest_of_equals_follows_the_stated_order(first: str, rank: int, order: str) -> None:
    ranking = overall(ROWS, cheapest_by=first)
    assert len(ranking.one_se_set) == 2
    choice = next(score for score in ranking.ranking if score.trial_key == ranking.one_se_choice)
    assert choice.lora_rank == rank
    assert ranking.one_se_order.startswith(order)
    assert order in ranking.rule


def test_cost_comes_before_rank_when_it_differs_and_is_known() -> None:
    rows = [{**row, "tokens_seen": 500 if row["lora_rank"] == 64 else 1000} for row in ROWS]
    ranking = overall(rows)
    choice = next(score for score in ranking.ranking if score.trial_key == ranking.one_se_choice)
    assert choice.lora_rank == 64
    unknown = overall([{**row, "tokens_seen": None} for row in rows])
    assert unknown.one_se_order.startswith("lowest rank")


def test_the_decision_is_told_whole() -> None:
    ranking = overall(ROWS)
    assert ranking.is_paired
    assert ranking.winner is not None
    assert ranking.corrected_mean is not None
    assert ranking.held_out_mean is not None
    assert ranking.winner.mean is not None
    assert ranking.corrected_mean > ranking.winner.mean
    assert "Efron" in ranking.correction_method
    assert ranking.winner.seeds == (0, 1, 2)
    assert ranking.winner.difference == 0
    second = ranking.ranking[1]
    assert second.difference_interval is not None
    assert second.difference_interval[0] < 0 < second.difference_interval[1]
    advice = ranking.validation_advice
    assert advice is not None
    assert advice.trial_keys[0] == ranking.winner.trial_key
    assert "true lead is probably smaller" in advice.text or "not worth settling" in advice.text


def test_scores_are_corrected_downwards() -> None:
    rows = [{**row, "value": -float(str(row["value"]))} for row in ROWS]
    low, high = overall(ROWS), overall(rows, direction="max")
    assert low.winner is not None
    assert high.winner is not None
    assert low.corrected_mean is not None
    assert high.corrected_mean == pytest.approx(-low.corrected_mean)
    assert high.winner.trial_key == low.winner.trial_key
    assert high.ranking[1].difference_interval == pytest.approx(
        tuple(-bound for bound in reversed(low.ranking[1].difference_interval or ()))
    )


# --- properties -------------------------------------------------------------------------------------------------------

replicated = st.lists(st.lists(st.floats(0.5, 3.0), min_size=3, max_size=3), min_size=2, max_size=5).map(
    lambda table: [[round(value, 3) for value in row] for row in table]
)


def _table(values: list[list[float]]) -> pd.DataFrame:
    return make_results(
        {"learning_rate": 3e-4, "batch_size": 2**index, "seed": seed, "value": value}
        for index, row in enumerate(values)
        for seed, value in enumerate(row)
    )


@few
@given(replicated, st.sampled_from([2.0, 0.25, 1024.0]), st.sampled_from([0.0, 1.0, -4.0]))
def test_scale_and_level_of_the_losses_do_not_matter(values: list[list[float]], factor: float, shift: float) -> None:
    # Exact in binary, so that ties stay ties.
    exact = [[round(value * 2**20) / 2**20 for value in row] for row in values]
    before = rank_configurations(_table(exact), metric="m").overall
    after = rank_configurations(
        _table([[factor * (value + shift) for value in row] for row in exact]), metric="m"
    ).overall
    assert before.winner is not None
    assert after.winner is not None
    assert before.p_best is not None
    assert after.p_best == pytest.approx(before.p_best, abs=0.02)
    assert before.corrected_mean is not None
    # Rounding can add a bin to the histogram, hence the tolerance.
    spread = max(abs(value) for row in values for value in row)
    assert after.corrected_mean == pytest.approx(factor * (before.corrected_mean + shift), abs=0.01 * factor * spread)
    assert len(after.indistinguishable or ()) == len(before.indistinguishable or ())


@few
@given(replicated, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values: list[list[float]], random: np.random.RandomState) -> None:
    table = _table(values)
    order = list(range(len(table)))
    random.shuffle(order)
    one, other = (rank_configurations(rows, metric="m").to_json() for rows in (table, table.iloc[order]))
    assert one == other


@few
@given(replicated, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_not_finite_never_wins(values: list[list[float]], bad: float) -> None:
    table = pd.concat(
        [_table(values), make_results([{"run_id": "bad", "learning_rate": 3e-4, "batch_size": 999, "value": bad}])],
        ignore_index=True,
    )
    ranking = rank_configurations(table, metric="m").overall
    assert ranking.winner is not None
    assert ranking.winner.batch_size != 999
    assert sum(score.p_best or 0 for score in ranking.ranking) == pytest.approx(1)


@few
@given(st.lists(st.floats(0.5, 3.0), min_size=1, max_size=6))
def test_one_seed_gives_no_probability(values: list[float]) -> None:
    ranking = rank_configurations(_table([[value] for value in values]), metric="m").overall
    assert (ranking.p_best, ranking.corrected_mean, ranking.held_out_mean) == (None, None, None)
    assert "without replicates" in ranking.correction_method


# --- a public sweep ---------------------------------------------------------------------------------------------------


def test_the_stated_best_configurations_of_a_public_sweep_come_out() -> None:
    """35 (model, wave) groups; in one of them two configurations tie, and the lower rank is stated."""
    runs = pd.read_csv(table_path("tinker-sft-sweep/sft_sweep.csv"))
    stated = pd.read_csv(table_path("tinker-sft-sweep/models.csv"))
    results = make_results(
        {
            "model": row["model"], "learning_rate": row["lr"], "lora_rank": row["lora_rank"], "seed": None,
            "batch_size": row["batch_size"], "value": row["test_nll"],
            "trial_key": f"{row['model']} {row['batch_tag']} {row['lr']} {row['lora_rank']}",
            "config_json": json.dumps({"batch_tag": row["batch_tag"]}),
        }
        for row in runs.to_dict("records")
    )  # fmt: skip
    best = rank_configurations(results, metric="test_nll", group_by=["batch_tag"])
    assert len(best.groups) == len(stated) == 35
    assert sum(score.n == 2 for group in best.groups for score in group.ranking) == 66
    found = {(group.group["model"], group.group["batch_tag"]): group for group in best.groups}
    for row in stated.to_dict("records"):
        ranking = found[row["model"], row["batch_tag"]]
        assert not ranking.is_paired
        stated_score = next(
            score
            for score in ranking.ranking
            if score.lora_rank == row["stated_best_rank"]
            and score.learning_rate == pytest.approx(row["stated_best_lr"])
        )
        assert ranking.winner is not None
        assert ranking.winner.trial_key == stated_score.trial_key
        assert ranking.winner.mean == pytest.approx(row["stated_best_test_nll"], abs=1e-4)


@pytest.mark.parametrize(("own", "name"), [(1.0, "lr 1e-4"), (2.0, "lr 1e-4, lr 0.0002")])
def test_a_configurations_own_word_for_a_column_is_said_once_where_it_agrees(own: float, name: str) -> None:
    rows = [
        {
            "run_id": f"r{number}",
            "trial_key": f"t{number}",
            "status": "finished",
            "learning_rate": rate,
            "value": 1.0 + number,
            "config_json": json.dumps({"lr": own * rate}),
        }
        for number, rate in enumerate((1e-4, 3e-4))
    ]
    best = rank_configurations(pd.DataFrame(rows), metric="eval_loss")

    assert best.overall.ranking[0].name == name
