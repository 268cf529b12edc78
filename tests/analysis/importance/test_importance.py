"""What enters an importance analysis, what it refuses, and what may not change it."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError, SchemaError
from analysis.importance.axes import choose_axes, make_axis
from analysis.importance.compute import compute_importance, to_scale
from analysis.importance.trial_table import make_trial_tables
from analysis.runs.configuration import read_configurations
from tests.analysis.importance.test_shares import A_EFFECT, B_EFFECT, LRS, additive, only
from tests.analysis.importance.trials import Settings, grid, number, random_trials
from tests.analysis.sweeps import make_results, messy_tables
from tests.shared_data import table_path

GRID = grid(additive, learning_rate=LRS, batch_size=(4, 8))


def with_first_diverged(results: pd.DataFrame) -> pd.DataFrame:
    is_first = results.index == 0
    return results.assign(
        status=results["status"].mask(is_first, "diverged"), value=results["value"].mask(is_first, math.nan)
    )


def axes_of(results: pd.DataFrame) -> dict[str, tuple[str, tuple[str, ...]]]:
    columns = read_configurations(results)
    found = choose_axes(columns, [(row,) for row in range(len(results))])
    return {axis.key: (axis.kind, axis.tied) for axis in found.axes}


def test_seeds_are_not_trials() -> None:
    once = only(compute_importance(GRID, metric="loss"))
    thrice = only(compute_importance(grid(additive, seeds=3, learning_rate=LRS, batch_size=(4, 8)), metric="loss"))

    assert once.n_trials == thrice.n_trials == 6
    assert [item.main for item in once.importances] == pytest.approx([item.main for item in thrice.importances])


def test_a_diverged_trial_is_worse_than_every_other_on_either_scale() -> None:
    means = [2.0, math.inf, 1.0, math.inf, 5.0]
    assert to_scale(means, "rank").tolist() == [2.0, 4.5, 1.0, 4.5, 3.0]
    assert to_scale(means, "value").tolist() == [2.0, 5.0, 1.0, 5.0, 5.0]
    assert to_scale([math.inf, math.inf], "value").tolist() == [0.0, 0.0]


def test_one_diverged_seed_spoils_its_trial_and_is_said() -> None:
    results = grid(additive, seeds=2, learning_rate=LRS, batch_size=(4, 8))
    results = with_first_diverged(results)
    found = only(compute_importance(results, metric="loss"))

    assert found.n_diverged == 1
    assert "1 of 6 trials had a diverged run; it counts as worse than every other." in found.warnings
    assert only(compute_importance(results, metric="loss", scope="top")).n_diverged == 0


def test_one_huge_loss_swamps_the_values_and_not_the_ranks() -> None:
    # 24 trials; the learning rate decides, and one corner of the grid blows up.
    lrs, sizes = [1e-5 * 2**index for index in range(6)], (4, 8, 16, 32)

    def loss(setting: Settings) -> float:
        blown = number(setting, "learning_rate") == lrs[-1] and number(setting, "batch_size") == 32
        return 1e6 if blown else math.log(number(setting, "learning_rate"))

    results = grid(loss, learning_rate=lrs, batch_size=sizes)
    by_value = only(compute_importance(results, metric="loss", scale="value"))
    by_rank = only(compute_importance(results, metric="loss", scale="rank"))

    assert max(item.main for item in by_value.importances) < 0.3
    assert by_rank.importances[0].key == "learning_rate"
    assert by_rank.importances[0].main > 0.9


def test_too_few_trials_get_no_ranking_but_a_reason() -> None:
    results = random_trials(lambda it: number(it, "a"), 19, 0, ("a", "b"))
    found = only(compute_importance(results, metric="loss"))

    assert (found.importances, found.pairs, found.unexplained, found.method) == ((), (), None, "none")
    assert found.summary.startswith("No ranking: 19 trials are too few for 2 hyperparameters.")
    enough = random_trials(lambda it: number(it, "a"), 20, 0, ("a", "b"))
    assert only(compute_importance(enough, metric="loss")).importances


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (grid(additive, learning_rate=LRS[:1], batch_size=(4,)), "no hyperparameter varies"),
        (grid(additive, learning_rate=LRS, batch_size=(4,)), "Only learning_rate varies"),
        (grid(lambda _: 1.0, learning_rate=LRS, batch_size=(4, 8)), "every trial has the same value"),
        (grid(additive, learning_rate=LRS, batch_size=(4, 8)).assign(status="diverged"), "no trial has a finite value"),
    ],
)
def test_what_cannot_be_ranked_says_why(results: pd.DataFrame, reason: str) -> None:
    found = only(compute_importance(results, metric="loss"))
    assert reason in found.summary
    assert found.importances == ()
    assert json.dumps(found.to_json())


def test_runs_that_do_not_compare_are_never_mixed() -> None:
    rows = pd.concat([GRID.assign(model="a"), GRID.assign(model="b", run_id="x" + GRID["run_id"])], ignore_index=True)
    rows["trial_key"] = rows["model"] + rows["trial_key"]
    found = compute_importance(rows, metric="loss")

    assert [(group.label, group.n_trials) for group in found.groups] == [("model a", 6), ("model b", 6)]
    assert [group.label for group in compute_importance(rows, metric="loss", only="model b").groups] == ["model b"]


def test_measured_keys_and_names_are_no_hyperparameters() -> None:
    generator = np.random.default_rng(0)
    rows = [
        {
            "learning_rate": float(rate),
            "value": float(index),
            "config_json": json.dumps(
                {
                    "train_time_s": 100.0 + index,
                    "config": index,
                    "note": f"run {index}",
                    "l1": float(rate) ** 0.5 + index,
                }
            ),
        }
        for index, rate in enumerate(generator.uniform(1e-5, 1e-2, 30))
    ]
    results = make_results(rows)
    columns = read_configurations(results)
    found = choose_axes(columns, [(row,) for row in range(30)])

    assert [axis.key for axis in found.axes] == ["learning_rate", "l1"]
    assert found.left_out == {
        "config": "it names the trial",
        "note": "it names the trial",
        "train_time_s": "it was measured, not chosen",
    }
    chosen = choose_axes(columns, [(row,) for row in range(30)], ["train_time_s"])
    assert [axis.key for axis in chosen.axes] == ["train_time_s"]
    with pytest.raises(FilterError, match="no configuration key 'lr'"):
        choose_axes(columns, [(0,)], ["lr"])


def test_keys_that_follow_from_another_are_folded_into_it() -> None:
    rows = [
        {"learning_rate": rate, "lora_rank": rank, "lora_alpha": 2.0 * rank, "value": rate * rank,
         "config_json": json.dumps({"min_lr": rate / 10, "warm": 5 if rank > 8 else 3})}
        for rate in (1e-5, 1e-4, 1e-3, 1e-2)
        for rank in (4, 8, 16)
    ]  # fmt: skip
    assert axes_of(make_results(rows)) == {
        "learning_rate": ("levels", ("min_lr",)),
        "lora_rank": ("levels", ("lora_alpha", "warm")),
    }


def test_a_random_search_ties_nothing_by_chance() -> None:
    found = axes_of(random_trials(lambda it: number(it, "a"), 30, 0, ("a", "b", "c")))
    assert set(found) == {"a", "b", "c"}
    assert all(tied == () for _, tied in found.values())


@pytest.mark.parametrize(
    ("values", "kind", "low", "high"),
    [
        ([1e-5, 1e-4, 1e-3] * 2, "levels", -0.5, 2.5),
        ([True, False, None, True], "names", -0.5, 2.5),
        ([1e-5, 1e-4, 1e-3, 2e-3], "log", math.log(1e-5), math.log(2e-3)),
        ([0.1, 0.2, 0.3, 0.35], "linear", 0.1, 0.35),
        ([-1.0, 10.0, 20.0, 30.0], "linear", -1.0, 30.0),
    ],
)
def test_the_axis_of_a_key(values: list[float | bool | None], kind: str, low: float, high: float) -> None:
    axis = make_axis("k", values)
    assert axis.kind == kind
    assert [axis.low, axis.high] == pytest.approx([low, high])


def test_a_table_without_values_is_refused() -> None:
    with pytest.raises(SchemaError, match="lacks value"):
        compute_importance(GRID.drop(columns="value"), metric="loss")


# --- properties -------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.permutations(range(len(GRID))))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    shuffled = compute_importance(GRID.iloc[order].reset_index(drop=True), metric="loss")
    assert shuffled == compute_importance(GRID, metric="loss")


def test_better_is_worse_the_other_way_round() -> None:
    flipped = compute_importance(GRID.assign(value=-GRID["value"]), metric="loss", direction="max")
    assert flipped.groups == compute_importance(GRID, metric="loss").groups


@settings(max_examples=10)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_rescaling_the_metric_changes_no_share(factor: float, shift: float) -> None:
    plain = only(compute_importance(GRID, metric="loss", scale="value"))
    moved = only(compute_importance(GRID.assign(value=GRID["value"] * factor + shift), metric="loss", scale="value"))
    assert [item.main for item in moved.importances] == pytest.approx([item.main for item in plain.importances])


def test_ranks_do_not_care_for_the_unit_of_the_metric() -> None:
    perplexity = GRID.assign(value=np.exp(GRID["value"]))
    assert only(compute_importance(perplexity, metric="x")) == only(compute_importance(GRID, metric="x"))


def test_the_same_seed_gives_the_same_numbers() -> None:
    results = random_trials(lambda it: number(it, "a"), 40, 0, ("a", "b"), sd=0.3)
    one, two = (compute_importance(results, metric="loss", seed=5) for _ in range(2))
    assert one == two


@settings(max_examples=30, deadline=None)
@given(messy_tables())
def test_any_table_gets_an_answer_in_strict_json(results: pd.DataFrame) -> None:
    found = compute_importance(results, metric="loss")
    json.dumps(found.to_json(), allow_nan=False)
    for group in found.groups:
        assert group.summary
        assert all(0 <= item.main <= 1 for item in group.importances)


# --- the trials as a table --------------------------------------------------------------------------------------------


def test_the_table_of_trials_keeps_what_was_configured() -> None:
    results = grid(additive, seeds=2, learning_rate=LRS, batch_size=(4, 8))
    results = with_first_diverged(results)
    (table,) = make_trial_tables(results, metric="loss")

    frame = table.to_frame("loss")
    assert len(frame) == 6
    assert set(frame["learning_rate"]) == set(LRS)
    assert frame["mean_loss"].isna().sum() == 1
    known = frame.dropna()
    expected = known["learning_rate"].map(A_EFFECT) + known["batch_size"].map(B_EFFECT)
    assert known["mean_loss"].tolist() == pytest.approx(expected.tolist())
    assert set(frame["n_runs"]) == {2}


# --- a real table -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_optimizers_of_taskset_depend_on_the_learning_rate_together_with_epsilon() -> None:
    """Adam's epsilon scales the step: alone it explains little, with the learning rate a lot."""
    table = pd.read_csv(table_path("taskset-curves/imdb_patch128_LSTM128_embed128_bs64.csv"))
    keys = ["learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay"]
    results = pd.DataFrame(
        {
            "run_id": "r" + table["config"].astype(str),
            "status": "finished",
            "learning_rate": table["learning_rate"],
            "value": table["v50"],
            "n_logged": 1,
            "config_json": [json.dumps(row) for row in table[["config", *keys]].to_dict("records")],
        }
    )
    found = only(compute_importance(results, metric="v50"))

    assert (found.n_trials, found.method) == (600, "forest")
    assert found.n_diverged == int(table["v50"].isna().sum())
    assert {item.key for item in found.importances} == set(keys)
    assert found.importances[0].key == "learning_rate"
    assert found.importances[0].main > 0.3
    assert found.pairs[0].keys == ("learning_rate", "epsilon")
    assert found.pairs[0].share > 0.15
    assert "config (it names the trial)" in " ".join(found.warnings)
