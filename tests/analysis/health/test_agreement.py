"""What the check says is left out is what curves and rankings leave out."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analysis.health.exclusions import explain_exclusions
from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.rank import rank_configurations
from analysis.runs.values import read_run_values
from tests.analysis.sweeps import messy_tables


@given(messy_tables())
def test_every_run_is_in_a_mean_or_has_one_reason(results: pd.DataFrame) -> None:
    excluded = [item.run_id for item in explain_exclusions(results, "loss")]
    used = [run_id for curve in compute_lr_curves(results, metric="loss") for p in curve.points for run_id in p.run_ids]
    assert sorted([*excluded, *used]) == sorted(results["run_id"])


@given(messy_tables())
def test_the_kinds_agree_with_what_curves_count(results: pd.DataFrame) -> None:
    kinds = {item.run_id: item.kind for item in explain_exclusions(results, "loss")}
    curves = compute_lr_curves(results, metric="loss")
    diverged = {run_id for curve in curves for point in curve.points for run_id in point.diverged_run_ids}
    assert {run_id for run_id, kind in kinds.items() if kind in ("diverged", "non_finite")} == diverged
    assert sum(kind in ("queued", "running") for kind in kinds.values()) == sum(curve.n_running for curve in curves)


@given(messy_tables())
def test_the_kinds_agree_with_what_rankings_count(results: pd.DataFrame) -> None:
    excluded = {item.run_id for item in explain_exclusions(results, "loss")}
    scores = [score for group in rank_configurations(results, metric="loss").groups for score in group.ranking]
    assert sum(score.n for score in scores) == len(results) - len(excluded)


@given(messy_tables(), st.randoms())
def test_the_order_of_rows_does_not_matter(results: pd.DataFrame, random: object) -> None:
    shuffled = results.sample(frac=1, random_state=getattr(random, "randrange")(2**32))  # noqa: B009
    assert Counter(explain_exclusions(results, "loss")) == Counter(explain_exclusions(shuffled, "loss"))


@given(messy_tables())
def test_every_kind_is_a_status_or_the_name_of_what_is_missing(results: pd.DataFrame) -> None:
    own = {"no_learning_rate", "learning_rate", "never_logged", "non_finite"}
    roles = {run.run_id: run.role for run in read_run_values(results)}
    statuses = dict(zip(results["run_id"], results["status"], strict=True))
    for item in explain_exclusions(results, "loss"):
        assert item.kind in {*own, statuses[item.run_id]}
        assert item.reason.endswith(".")
        assert (item.kind == "never_logged") <= (roles[item.run_id] == "left_out")
