"""U-curves of a public sweep: 35 models, 548 LoRA runs in two publication waves, diverged runs told apart."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.lr_curves.rule_regret import compute_rule_regret
from analysis.runs.configuration import read_configurations
from analysis.runs.groups import split_comparable
from tests.shared_data import table_path

FOLDER = "tinker-sft-sweep"


def read_models() -> pd.DataFrame:
    return pd.read_csv(table_path(f"{FOLDER}/models.csv"))


def split(text: object) -> list[float]:
    return [float(part) for part in str(text).split(";")] if isinstance(text, str) else []


def read_results() -> pd.DataFrame:
    """The sweep as a results table: what is no hyperparameter of ours stays in `config_json`."""
    runs = pd.read_csv(table_path(f"{FOLDER}/sft_sweep.csv"))
    rows = [
        {
            "model": run["model"],
            "learning_rate": run["lr"],
            "lora_rank": run["lora_rank"],
            "batch_size": run["batch_size"],
            "max_steps": run["steps"],
            "adapter": "lora",
            "status": "finished",
            "value": run["test_nll"],
            "config_json": json.dumps({key: run[key] for key in ("batch_tag", "train_nll", "wall_time_min")}),
        }
        for run in runs.to_dict("records")
    ]
    for model in read_models().to_dict("records"):
        # The table says where runs diverged by learning rate and by rank, not by cell: every such cell gets one.
        rows += [
            {**{key: rows[0][key] for key in ("batch_size", "max_steps", "adapter")}}
            | {
                "model": model["model"],
                "learning_rate": rate,
                "lora_rank": int(rank),
                "status": "diverged",
                "value": math.nan,
                "config_json": json.dumps({"batch_tag": model["batch_tag"]}),
            }
            for rate in split(model["diverged_lrs"])
            for rank in split(model["diverged_ranks"])
        ]
    for index, row in enumerate(rows):
        row |= {"run_id": f"r{index:04d}", "n_logged": 1, "seed": None}
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return read_results()


@pytest.fixture(scope="module")
def curves(results: pd.DataFrame) -> list[LrCurve]:
    return compute_lr_curves(results, metric="test_nll")


def finite_only(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["status"] == "finished"]


def test_every_model_and_rank_is_one_curve_although_second_losses_vary(curves: list[LrCurve]) -> None:
    assert {frozenset(curve.group) for curve in curves} == {frozenset({"model", "lora_rank"})}
    n_grids = sum(len(split(model["grid_ranks"])) for model in read_models().to_dict("records"))
    assert len(curves) <= n_grids
    assert sum(curve.n_runs for curve in curves) == len(read_results())


def test_all_stated_best_configurations_come_out(results: pd.DataFrame) -> None:
    """The publication counts survivors of cells with a diverged repeat, so only finite runs enter here."""
    found: dict[str, tuple[float, float, float]] = {}
    for curve in compute_lr_curves(finite_only(results), metric="test_nll"):
        for point in curve.points:
            assert point.mean is not None
            cell = (point.mean, float(str(curve.group["lora_rank"])), point.learning_rate)
            found[str(curve.group["model"])] = min(found.get(str(curve.group["model"]), (math.inf, 0, 0)), cell)
    stated = read_models().set_index("model")
    assert len(found) == len(stated) == 35
    for model, (value, rank, rate) in found.items():
        row = stated.loc[model]
        assert (rank, rate) == (row["stated_best_rank"], row["stated_best_lr"]), model
        # What is stated is one run; ours is the mean of two where there are two.
        assert value == pytest.approx(row["stated_best_test_nll"], abs=2e-4)


def test_duplicates_are_averaged(curves: list[LrCurve], results: pd.DataFrame) -> None:
    cells = finite_only(results).groupby(["model", "lora_rank", "learning_rate"])["value"]
    table = cells.agg(["mean", "size"]).reset_index()
    expected: dict[tuple[str, int, float], tuple[float, int]] = {
        (str(row["model"]), int(row["lora_rank"]), float(row["learning_rate"])): (float(row["mean"]), int(row["size"]))
        for row in table.to_dict("records")
    }
    found = {
        (str(curve.group["model"]), int(str(curve.group["lora_rank"])), point.learning_rate): (point.mean, point.n)
        for curve in curves
        for point in curve.points
        if point.n
    }
    assert Counter(n for _, n in found.values()) == {1: 416, 2: 66}
    assert found.keys() == expected.keys()
    for cell, (mean, n) in expected.items():
        assert found[cell][0] == pytest.approx(mean)
        assert found[cell][1] == n


def test_waves_are_never_on_one_curve_nor_in_one_ranking(results: pd.DataFrame) -> None:
    one_model = results.assign(model="the same for all", learning_rate=results["learning_rate"].round(6))
    for group_by in (None, ["lora_rank"]):
        for curve in compute_lr_curves(one_model, metric="test_nll", group_by=group_by):
            assert curve.group["batch_tag"] in {"2026-04", "2026-06"}
    columns = read_configurations(one_model)
    groups = split_comparable(columns, range(len(one_model)))
    assert [dict(group.group) for group in groups] == [{"batch_tag": "2026-04"}, {"batch_tag": "2026-06"}]


def test_a_measured_column_groups_only_when_it_is_asked_for(results: pd.DataFrame) -> None:
    one = results[results["model"] == "meta-llama/Llama-3.1-8B"]
    assert len(compute_lr_curves(one, metric="m")) == 4
    asked = compute_lr_curves(one, metric="m", group_by=["train_nll"])
    assert len(asked) > 4
    assert all("train_nll" in curve.group for curve in asked)


def test_every_minimum_at_an_edge_is_flagged(curves: list[LrCurve]) -> None:
    edges: Counter[str] = Counter()
    for curve in curves:
        usable = [point for point in curve.points if point.n and not point.n_diverged]
        if not usable:
            continue
        best = min(usable, key=lambda point: point.mean or math.inf)
        at = usable.index(best)
        diverged = [point.learning_rate for point in curve.points if point.n_diverged]
        beyond = at == len(usable) - 1 and any(rate > best.learning_rate for rate in diverged)
        beyond |= at == 0 and any(rate < best.learning_rate for rate in diverged)
        if len(usable) == 1 and not beyond:
            assert curve.edge == "soft"
            assert "one point makes no curve" in curve.warnings[0]
        elif at in (0, len(usable) - 1):
            edges[curve.edge] += 1
            assert curve.edge == ("bounded_by_divergence" if beyond else "low" if at == 0 else "high"), curve.label
            assert curve.interval is None
        else:
            assert curve.edge in ("none", "soft"), curve.label
    assert set(edges) == {"low", "high", "bounded_by_divergence"}


def test_a_cell_that_was_never_run_is_no_divergence(curves: list[LrCurve]) -> None:
    diverged: dict[str, set[float]] = defaultdict(set)
    for curve in curves:
        diverged[str(curve.group["model"])] |= {point.learning_rate for point in curve.points if point.n_diverged}
    for model in read_models().to_dict("records"):
        assert diverged[model["model"]] == set(split(model["diverged_lrs"])), model["model"]


def test_the_best_learning_rate_is_in_the_valley_of_isotonic_regression(curves: list[LrCurve]) -> None:
    """Unimodal regression knows no form: falling up to a split, rising after it, the split chosen by its squares."""
    checked = 0
    for curve in curves:
        usable = [point for point in curve.points if point.n and not point.n_diverged]
        if len(usable) < 4 or curve.optimum_lr is None:
            continue
        y = np.array([point.mean for point in usable], dtype=float)
        weights = np.array([point.n for point in usable], dtype=float)
        fits = [_unimodal(y, weights, split) for split in range(len(y) + 1)]
        best = min(fits, key=lambda fit: float(weights @ (fit - y) ** 2))
        valley = np.flatnonzero(best <= best.min() + 1e-12)
        low, high = usable[max(valley[0] - 1, 0)], usable[min(valley[-1] + 1, len(y) - 1)]
        assert low.learning_rate <= curve.optimum_lr <= high.learning_rate, curve.label
        checked += 1
    assert checked > 50


def _unimodal(y: np.ndarray, weights: np.ndarray, split: int) -> np.ndarray:
    parts = []
    for part, rising in ((slice(None, split), False), (slice(split, None), True)):
        x = np.arange(len(y))[part]
        if len(x):
            parts.append(IsotonicRegression(increasing=rising).fit_transform(x, y[part], sample_weight=weights[part]))
    return np.concatenate(parts)


def test_an_optimum_with_an_interval_lies_between_the_neighbours_of_the_best(curves: list[LrCurve]) -> None:
    for curve in curves:
        if curve.fit is not None and curve.optimum_lr is not None and curve.interval is not None:
            assert curve.interval[0] <= curve.optimum_lr <= curve.interval[1]
            assert curve.optimum_se_ln is not None
            assert curve.optimum_se_ln > 0


def test_the_tinker_rule_costs_little_on_its_own_sweep(results: pd.DataFrame) -> None:
    found = compute_rule_regret(results, metric="test_nll")
    judged = [item for item in found.per_curve if item.regret is not None]
    assert found.n_refused + len(judged) == found.n_curves
    assert sum(found.refusals.values()) == found.n_refused
    assert any("no learning rate is recommended" in reason for reason in found.refusals)
    assert found.inside_rank.median is not None
    assert 0 <= found.inside_rank.median < 0.01
    assert found.best_rank is not None
    assert found.best_rank.median is not None
    assert found.best_rank.median > found.inside_rank.median
    assert all((item.regret_best_rank or 0) >= (item.regret or 0) - 1e-12 for item in judged)
