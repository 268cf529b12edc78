"""Fronts, hypervolume and picks against brute force, moocore, optuna and known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError, SchemaError
from analysis.pareto.front import compute_pareto
from analysis.pareto.objectives import parse_objective
from analysis.pareto.picks import parse_amounts
from analysis.pareto.types import Front, Objective
from analysis.pareto.volume import nondominated, relative_hypervolume
from tests.analysis.sweeps import make_results
from tests.shared_data import table_path

LOSS = Objective(name="eval_loss", direction="min")
MEMORY = Objective(name="peak_memory_bytes", direction="min", scale="log")
SCORE = Objective(name="score", direction="max")


def table(points: Sequence[tuple[float, float]], *, names: tuple[str, str] = ("eval_loss", "peak_memory_bytes"),
          seeds: int = 1, **columns: object) -> pd.DataFrame:  # fmt: skip
    """One configuration per point, told apart by its rank."""
    return make_results(
        {"learning_rate": 1e-4, "lora_rank": index + 1, "seed": seed, names[0]: first, names[1]: second, **columns}
        for index, (first, second) in enumerate(points)
        for seed in range(seeds)
    ).drop(columns="value", errors="ignore")


def ranks_on_front(front: Front) -> list[object]:
    return [point.config.get("lora_rank") for point in front.front]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


FIVE = [(1.0, 16.0), (2.0, 8.0), (4.0, 4.0), (3.0, 9.0), (5.0, 5.0)]


def test_the_front_of_five_points() -> None:
    found = compute_pareto(table(FIVE), objectives=[LOSS, MEMORY]).overall

    assert ranks_on_front(found) == [1, 2, 3]
    assert (found.n_dominated, found.n_left_out) == (2, 0)
    assert [point.values["eval_loss"] for point in found.points] == [1, 2, 3, 4, 5]
    assert "Unreplicated" in " ".join(found.warnings)


def test_equal_configurations_are_shown_once_and_counted() -> None:
    found = compute_pareto(table([*FIVE, (2.0, 8.0)]), objectives=[LOSS, MEMORY]).overall

    assert len(found.front) == 3
    assert [len(point.same_as) for point in found.front] == [0, 1, 0]
    assert found.n_dominated == 2


def test_a_tie_in_one_objective_is_dominated_by_the_better_other() -> None:
    found = compute_pareto(table([(1.0, 8.0), (1.0, 4.0)]), objectives=[LOSS, MEMORY]).overall
    assert ranks_on_front(found) == [2]


def test_directions_count() -> None:
    points = table([(0.5, 1.0), (0.9, 2.0), (0.4, 3.0)], names=("score", "eval_loss"))
    found = compute_pareto(points, objectives=[SCORE, LOSS]).overall
    assert sorted(str(rank) for rank in ranks_on_front(found)) == ["1", "2"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_what_is_not_finite_is_never_on_the_front(bad: float) -> None:
    found = compute_pareto(table([*FIVE, (bad, 1.0), (0.1, math.nan)]), objectives=[LOSS, MEMORY]).overall
    assert ranks_on_front(found) == [1, 2, 3]
    assert found.n_left_out == 2


def test_the_survivors_of_a_diverging_configuration_do_not_enter() -> None:
    points = table([(0.5, 1.0), *FIVE], seeds=2)
    is_first = points.index == 0
    points = points.assign(status=points["status"].mask(is_first, "diverged"))
    found = compute_pareto(points, objectives=[LOSS, MEMORY]).overall

    assert found.n_left_out == 2
    assert all(point.values["eval_loss"] != 0.5 for point in found.points)
    assert "1 configuration had a diverged run." in found.warnings


def test_losses_of_two_models_make_two_fronts_but_scores_and_costs_one() -> None:
    both = pd.concat([table(FIVE, model="a"), table(FIVE, model="b")], ignore_index=True)
    both["run_id"] = both["model"] + both["run_id"]
    found = compute_pareto(both, objectives=[LOSS, MEMORY])
    assert [front.label for front in found.groups] == ["model a", "model b"]
    assert found.overall.front == ()
    assert "cannot be compared (model a; model b)" in found.overall.hypervolume_reason
    scores = both.rename(columns={"eval_loss": "benchmark:arc"})
    score = Objective(name="benchmark:arc", direction="max")
    assert len(compute_pareto(scores, objectives=[score, MEMORY]).groups) == 1


def test_budgets_may_be_traded_against_the_loss() -> None:
    rows = table([(3.0, 10.0), (2.0, 100.0)], names=("eval_loss", "tokens_seen"))
    rows = rows.assign(token_budget=[10, 100])
    found = compute_pareto(rows, objectives=[LOSS, parse_objective("tokens_seen")])
    assert len(found.overall.front) == 2


def test_probabilities_come_from_replicates() -> None:
    points = table([(1.0, 16.0), (2.0, 8.0), (2.02, 8.0), (9.0, 17.0)], seeds=4)
    points["eval_loss"] += [-0.1, 0.1, 0.1, -0.1] * 4
    found = compute_pareto(points, objectives=[LOSS, MEMORY]).overall
    chance = {point.config["lora_rank"]: point.p_front for point in found.points}

    assert chance[1] == 1.0
    assert chance[4] == 0.0
    middle = [chance[2], chance[3]]
    assert all(share is not None and 0.02 < share < 0.98 for share in middle)
    # Equal in memory, so that exactly one of the two beats the other in every draw.
    assert sum(share or 0 for share in middle) == pytest.approx(1.0)
    assert found == compute_pareto(points, objectives=[LOSS, MEMORY]).overall


# --- references and properties ----------------------------------------------------------------------------------------

POINTS = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 3), min_size=1, max_size=25)


@given(POINTS)
def test_the_front_is_that_of_brute_force_and_of_optuna(points: list[tuple[float, float, float]]) -> None:
    optuna = pytest.importorskip("optuna")
    mask = nondominated(np.array(points))
    assert mask.tolist() == [not any(dominates(other, point) for other in points) for point in points]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["minimize"] * 3)
    study.add_trials(optuna.trial.create_trial(values=list(point)) for point in points)
    best = {tuple(trial.values) for trial in study.best_trials}
    assert {point for point, is_best in zip(points, mask, strict=True) if is_best} == best


@settings(max_examples=30)
@given(POINTS)
def test_the_order_of_rows_and_a_dominated_point_change_nothing(points: list[tuple[float, float, float]]) -> None:
    rows = table([(a + 1, b + 1) for a, b, _ in points])
    found = compute_pareto(rows, objectives=[LOSS, MEMORY]).overall
    assert compute_pareto(rows.iloc[::-1].reset_index(drop=True), objectives=[LOSS, MEMORY]).overall == found
    worse = table([*[(a + 1, b + 1) for a, b, _ in points], (100.0, 100.0)])
    more = compute_pareto(worse, objectives=[LOSS, MEMORY]).overall
    assert [point.values for point in more.front] == [point.values for point in found.front]


def test_the_hypervolume_of_two_boxes() -> None:
    losses = np.array([[0.0, 2.0], [1.0, 0.0]])
    # Reference (2, 4): boxes 2 x 2 and 1 x 4, which overlap in 1 x 2; the whole box is 2 x 4.
    assert relative_hypervolume(losses, np.array([2.0, 4.0])) == pytest.approx((4 + 4 - 2) / 8)
    assert relative_hypervolume(losses, np.array([0.0, 4.0])) is None


@given(POINTS, st.tuples(*[st.integers(0, 6).map(float)] * 3))
def test_the_hypervolume_is_that_of_sampling_and_grows_with_points(
    points: list[tuple[float, float, float]], extra: tuple[float, float, float]
) -> None:
    losses, corner = np.array(points), np.full(3, 7.0)
    share = relative_hypervolume(losses, corner)
    assert share is not None
    ideal = losses.min(axis=0)
    # Integer points: unit cells are dominated as a whole or not at all.
    cells = np.stack(np.meshgrid(*[np.arange(low, 7) for low in ideal], indexing="ij"), axis=-1).reshape(-1, 3)
    covered = np.any(np.all(losses[None] <= cells[:, None], axis=2), axis=1)
    assert share == pytest.approx(covered.mean())
    both = np.array([*points, extra])
    box = np.prod(7 - ideal)
    more = relative_hypervolume(both, corner)
    assert more is not None
    assert more * np.prod(7 - both.min(axis=0)) >= share * box - 1e-9


def test_a_fixed_reference_is_stated_in_its_own_unit_and_cuts_points_off() -> None:
    found = compute_pareto(
        table(FIVE), objectives=[LOSS, MEMORY], reference={"eval_loss": 3.0, "peak_memory_bytes": 32.0}
    ).overall
    assert found.reference == pytest.approx({"eval_loss": 3.0, "peak_memory_bytes": 32.0})
    # In ln memory: ideal (1, ln 4), reference (3, ln 32); the third point lies beyond the reference.
    unit = math.log(2)
    covered = (3 - 1) * unit + (3 - 2) * unit
    assert found.hypervolume == pytest.approx(covered / ((3 - 1) * 3 * unit))
    default = compute_pareto(table(FIVE), objectives=[LOSS, MEMORY]).overall
    assert default.reference == pytest.approx({"eval_loss": 5.4, "peak_memory_bytes": 16 * 4**0.1})


# --- picks ------------------------------------------------------------------------------------------------------------


def picked(front: Front) -> dict[str, object]:
    configs = {point.trial_key: point.config["lora_rank"] for point in front.points}
    return {pick.rule.split(":")[0]: configs[pick.trial_key] if pick.trial_key else pick.reason for pick in front.picks}


def test_the_best_of_each_objective_and_the_knee() -> None:
    found = compute_pareto(table([(1.0, 16.0), (1.2, 5.0), (4.0, 4.0)]), objectives=[LOSS, MEMORY]).overall
    assert picked(found) == {"best eval_loss": 1, "best peak_memory_bytes": 3, "knee": 2}


def test_a_front_that_bends_outwards_has_no_knee() -> None:
    linear = Objective(name="peak_memory_bytes", direction="min", scale="linear")
    found = compute_pareto(table([(1.0, 10.0), (3.9, 9.0), (4.0, 1.0)]), objectives=[LOSS, linear]).overall
    assert "has no knee" in str(picked(found)["knee"])
    two = compute_pareto(table([(1.0, 10.0), (4.0, 1.0)]), objectives=[LOSS, linear]).overall
    assert "three points" in str(picked(two)["knee"])


def test_the_best_within_limits() -> None:
    gib = 2.0**30
    points = table([(loss, memory * gib) for loss, memory in FIVE])
    limits = parse_amounts(["peak_memory_bytes=10GiB"])
    found = compute_pareto(points, objectives=[LOSS, MEMORY], limits=limits).overall
    assert found.picks[0].rule == "best eval_loss with peak_memory_bytes at most 10 GiB"
    assert picked(found)[found.picks[0].rule] == 2
    none = compute_pareto(points, objectives=[LOSS, MEMORY], limits={"peak_memory_bytes": 1.0}).overall
    assert none.picks[0].trial_key is None
    assert "keeps within the limits" in none.picks[0].reason


@pytest.mark.parametrize(
    ("text", "amount"),
    [("a=2.5", 2.5), ("a=10GiB", 10 * 2**30), ("a = 2 h", 7200.0), ("a=-1e-3", -1e-3), ("x=y=3", 3.0)],
)
def test_amounts_with_units(text: str, amount: float) -> None:
    assert list(parse_amounts([text]).values()) == [amount]


@pytest.mark.parametrize("text", ["a", "a=", "=3", "a=3 parsecs", "a=1.2.3", "a=nan", "a=1e999"])
def test_amounts_that_cannot_be_read(text: str) -> None:
    with pytest.raises(FilterError):
        parse_amounts([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eval_loss", Objective(name="eval_loss", direction="min")),
        ("val_accuracy", Objective(name="val_accuracy", direction="max")),
        ("wall_s", Objective(name="wall_s", direction="min", scale="log")),
        ("wall_s:linear", Objective(name="wall_s", direction="min")),
        ("x:max:log", Objective(name="x", direction="max", scale="log")),
        ("a:b:min", Objective(name="a:b", direction="min")),
        ("benchmark:arc_easy", Objective(name="benchmark:arc_easy", direction="max")),
        ("benchmark:ppl:min", Objective(name="benchmark:ppl", direction="min")),
        ("benchmark:loss", Objective(name="benchmark:loss", direction="max")),
    ],
)
def test_objectives_as_text(text: str, expected: Objective) -> None:
    assert parse_objective(text) == expected
    assert parse_objective("x", {"x": "max"}).direction == "max"


def test_what_cannot_be_an_analysis_is_one_clear_sentence() -> None:
    points = table(FIVE)
    with pytest.raises(FilterError, match="two or more"):
        compute_pareto(points, objectives=[LOSS])
    with pytest.raises(SchemaError, match="lacks the columns score"):
        compute_pareto(points, objectives=[LOSS, SCORE])
    with pytest.raises(FilterError, match="no objective 'x' to limit"):
        compute_pareto(points, objectives=[LOSS, MEMORY], limits={"x": 1.0})
    with pytest.raises(FilterError, match="no objective 'x' to give a reference"):
        compute_pareto(points, objectives=[LOSS, MEMORY], reference={"x": 1.0})
    with pytest.raises(FilterError, match="write eval_loss:linear"):
        compute_pareto(
            table([(-1.0, 2.0)]), objectives=[Objective(name="eval_loss", direction="min", scale="log"), MEMORY]
        )
    with pytest.raises(FilterError, match="has no name"):
        parse_objective(":max")


def test_no_run_and_no_value_are_answers_too() -> None:
    empty = compute_pareto(table(FIVE).iloc[:0], objectives=[LOSS, MEMORY])
    assert empty.groups == ()
    nothing = compute_pareto(table([(math.nan, 1.0)]), objectives=[LOSS, MEMORY]).overall
    assert (nothing.points, nothing.hypervolume, nothing.n_left_out) == ((), None, 1)
    for found in (empty, compute_pareto(table([(1.0, 1.0)]), objectives=[LOSS, MEMORY])):
        json.dumps(found.to_json(), allow_nan=False)


# --- a real table -----------------------------------------------------------------------------------------------------


def test_the_front_of_the_peft_methods_is_that_of_brute_force() -> None:
    runs = pd.read_csv(table_path("peft-metamathqa/runs.csv"))
    names = ["test_accuracy", "mem_max_bytes", "train_time_s"]
    points = runs[names].assign(
        run_id="r" + runs.index.astype(str),
        status=["finished" if status == "success" else "failed" for status in runs["status"]],
        config_json=[json.dumps({"experiment": name}) for name in runs["experiment"]],
    )
    found = compute_pareto(points, objectives=[parse_objective(name) for name in names]).overall

    usable = runs[runs["status"] == "success"].dropna(subset=names)
    losses = (usable[names] * [-1, 1, 1]).to_numpy().tolist()
    expected = {
        f"r{index}"
        for index, own in zip(usable.index, losses, strict=True)
        if not any(dominates(other, own) for other in losses)
    }
    assert {run for point in found.front for run in point.run_ids} == expected
    assert len(expected) == 15
    assert {item.name: (item.direction, item.scale) for item in map(parse_objective, names)} == {
        "test_accuracy": ("max", "linear"), "mem_max_bytes": ("min", "log"), "train_time_s": ("min", "log"),
    }  # fmt: skip
