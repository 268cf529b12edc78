"""Choosing by loss and by benchmarks: known truth, directions, gaps, and how often the interval covers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from analysis.benchmarks.choice import choose_configuration
from analysis.benchmarks.choice_types import Choice, Pick
from tests.analysis.benchmarks.items import Answers, cells_of, draw_answers, fetch_of, item_table
from tests.analysis.benchmarks.tables import Cell, make_evals, make_runs

LOSSES = (1.00, 1.005, 1.10)


def _cells(means: Sequence[float], **common: object) -> list[Cell]:
    """Two benchmarks with these accuracies, from chance 0.25; the second is percent wrong answers."""
    right = [{"run_id": f"r{at}", "benchmark": "arc", "score": 0.25 + 0.75 * mean} for at, mean in enumerate(means)]
    wrong: list[Cell] = [
        {"run_id": f"r{at}", "benchmark": "err", "metric": "error", "score": 75 * (1 - mean), "chance_level": 75.0}
        | {"higher_is_better": False, "stderr": 0.5}
        for at, mean in enumerate(means)
    ]
    return [{**cell, **common} for cell in [*right, *wrong]]


def _runs(losses: Sequence[float], **columns: object) -> pd.DataFrame:
    ids = [f"r{at}" for at in range(len(losses))]
    rates = [1e-4 * (at + 1) for at in range(len(losses))]
    return make_runs(ids, **({"value": losses, "learning_rate": rates, "seed": 0} | columns))  # type: ignore[arg-type]


def _choose(means: Sequence[float], losses: Sequence[float] = LOSSES, **options: object) -> Choice:
    return choose_configuration(make_evals(_cells(means)), _runs(losses), metric="eval_loss", **options)  # type: ignore[arg-type]


def _picks(choice: Choice) -> dict[str, Pick]:
    (group,) = choice.groups
    return {pick.rule: pick for pick in group.picks}


def _ids(choice: Choice) -> list[str]:
    return [pick.run_ids[0] for pick in _picks(choice).values()]


def test_every_rule_takes_what_it_says() -> None:
    choice = _choose([0.5, 0.6, 0.8])
    assert _ids(choice) == ["r0", "r2", "r1"]
    picks = _picks(choice)
    assert picks["benchmarks"].benchmark_mean == pytest.approx(0.8)
    assert picks["loss"].score_gap is None
    assert picks["benchmarks"].score_gap is not None
    assert picks["benchmarks"].loss_gap is not None
    assert picks["benchmarks"].score_gap.value == pytest.approx(0.3)
    assert picks["benchmarks"].loss_gap.value == pytest.approx(0.1)
    assert picks["benchmarks"].loss_gap.low is None  # nobody has several runs
    assert choice.groups[0].agree is False
    assert {point.run_ids[0] for point in choice.groups[0].front.front} == {"r0", "r1", "r2"}
    assert choice.columns == ("arc", "err")
    json.dumps(choice.to_json())


def test_agreement_is_said() -> None:
    choice = _choose([0.8, 0.6, 0.5])
    assert _ids(choice) == ["r0", "r0", "r0"]
    assert choice.groups[0].agree
    assert "the same configuration" in choice.groups[0].verdict[0]
    assert len(choice.groups[0].front.front) == 1


@pytest.mark.parametrize(("margin", "third"), [(0.0, "r0"), (0.006, "r1"), (0.2, "r2")])
def test_the_margin_is_a_share_of_the_best_loss(margin: float, third: str) -> None:
    assert _ids(_choose([0.5, 0.6, 0.8], margin=margin))[2] == third


def test_a_metric_that_is_better_high_is_turned() -> None:
    assert _ids(_choose([0.5, 0.6, 0.8], direction="max", margin=0.0)) == ["r2", "r2", "r2"]
    assert _ids(_choose([0.8, 0.6, 0.5], direction="max", margin=0.10)) == ["r2", "r0", "r0"]


def test_only_benchmarks_that_all_candidates_have_count_and_the_base_model_is_none() -> None:
    cells = [
        *_cells([0.5, 0.6, 0.8]),
        {"run_id": "r0", "benchmark": "rare", "score": 0.9},
        {"run_id": "base-0", "benchmark": "arc", "score": 1.0},
        {"run_id": "base-0", "benchmark": "err", "score": 0.0},
    ]
    runs = pd.concat([_runs(LOSSES), make_runs(["base-0"], value=[0.1], adapter=["none"])], ignore_index=True)
    choice = choose_configuration(make_evals(cells), runs, metric="eval_loss")
    assert choice.columns == ("arc", "err")
    assert _ids(choice) == ["r0", "r2", "r1"]


def test_runs_whose_losses_do_not_compare_have_picks_of_their_own() -> None:
    runs = _runs((1.0, 1.1, 5.0, 5.1), model=["small", "small", "large", "large"])
    choice = choose_configuration(make_evals(_cells([0.5, 0.6, 0.3, 0.2])), runs, metric="eval_loss")
    assert [group.front.label for group in choice.groups] == ["model large", "model small"]
    assert [group.agree for group in choice.groups] == [True, False]


@pytest.mark.parametrize(
    ("means", "losses", "reason"),
    [
        ([0.5], [np.nan], "No run in view has both"),
        ([0.0, 0.0], [1.0, 1.1], "No benchmark counts"),
    ],
)
def test_without_a_candidate_there_is_a_reason(means: list[float], losses: list[float], reason: str) -> None:
    choice = _choose(means, losses)
    assert reason in choice.reason
    assert not any(group.picks for group in choice.groups)


def _answers(rng: np.random.Generator, n_seeds: int, run_sd: float) -> tuple[Answers, pd.DataFrame]:
    """Two configurations that are equally good, the first with the better loss; three benchmarks."""
    ids = [f"r{at}-{seed}" for at in range(2) for seed in range(n_seeds)]
    runs = make_runs(
        ids,
        value=[1.0 + 0.1 * int(run[1]) for run in ids],
        learning_rate=[float(run[1]) + 1 for run in ids],
        trial_key=[run[:2] for run in ids],
    )
    drawn = {name: draw_answers(rng, [1.0, 1.0], n_seeds, 80, run_sd) for name in ("a", "b", "c")}
    return {(run, name): scores[int(run[1]), int(run[3])] for run in ids for name, scores in drawn.items()}, runs


def test_gaps_are_paired_where_there_are_items() -> None:
    answers, runs = _answers(np.random.default_rng(0), 1, 0.0)
    evals = make_evals(cells_of(answers))
    paired = choose_configuration(evals, runs, metric="eval_loss", fetch_items=fetch_of(item_table(answers)))
    plain = choose_configuration(evals, runs, metric="eval_loss")
    gaps = [_picks(choice)["benchmarks"].score_gap for choice in (paired, plain)]
    assert gaps[0] is not None
    assert gaps[1] is not None
    assert "paired by item in 3 of 3" in gaps[0].method
    assert "paired by item in 0 of 3" in gaps[1].method
    assert gaps[0].low is not None
    assert gaps[1].low is not None
    assert gaps[0].low > gaps[1].low


@pytest.mark.slow
@pytest.mark.parametrize(("n_seeds", "run_sd"), [(1, 0.0), (3, 0.3)])
def test_the_interval_covers_no_difference(n_seeds: int, run_sd: float) -> None:
    """100 pairs of equally good configurations: where the better loss has the worse mean, zero is in the interval."""
    rng = np.random.default_rng(4)
    n_covered = 0
    for _ in range(100):
        answers, runs = _answers(rng, n_seeds, run_sd)
        choice = choose_configuration(
            make_evals(cells_of(answers)), runs, metric="eval_loss", fetch_items=fetch_of(item_table(answers))
        )
        gap = _picks(choice)["benchmarks"].score_gap
        n_covered += gap is None or (gap.low is not None and gap.low <= 0)
    assert n_covered >= 93
