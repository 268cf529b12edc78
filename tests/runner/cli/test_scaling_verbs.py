from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.recommendation.recommended_lr import recommend_lr
from analysis.store import MetricRow, Store, run_id_of, trial_key
from tests.analysis.scaling.laws import make_sweep
from tests.runner.cli.calling import Caller


@pytest.fixture(scope="module")
def scaling_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks x four batch sizes, optimum proportional to the square root of the batch size."""
    folder = tmp_path_factory.mktemp("scaling") / "store"
    runs, metrics = [], []
    for row in make_sweep(ranks=(4, 8), batches=(8, 16, 32, 64), seeds=1).to_dict("records"):
        config = {key: row[key] for key in ("learning_rate", "batch_size", "lora_rank", "max_steps")}
        config = {**config, "model": "meta-llama/Llama-3.2-1B"}
        run_id = run_id_of(trial_key(config), 0)
        common = {"run_id": run_id, "trial_key": trial_key(config), "seed": 0, "status": "finished", "adapter": "lora"}
        runs.append({**common, **config, "config_json": json.dumps(config)})
        metrics.append(MetricRow(run_id, 1, 1, 1, 1.0, "eval_loss", float(row["value"])))
    Store.open(folder, create=True).append(runs=runs, metrics=metrics)
    return folder


def _json(ucurve: Caller, *arguments: object) -> Any:  # noqa: ANN401 - whatever the verb prints
    answer = ucurve(*arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_batch_scaling_as_json(ucurve: Caller, scaling_store: Path) -> None:
    found = _json(ucurve, "batch-scaling", "--store", scaling_store, "--setting", "lora_rank")
    assert found["alpha"] == pytest.approx(0.5, abs=0.1)
    assert (found["n_points"], found["n_left_out"], found["held_fixed"]) == (8, 0, "tokens")
    assert [one["setting"] for one in found["per_setting"]] == [{"lora_rank": 4}, {"lora_rank": 8}]
    assert found["batch_unit"] == "sequences per step"


def test_batch_scaling_as_text(ucurve: Caller, scaling_store: Path) -> None:
    text = ucurve("batch-scaling", "--store", scaling_store).out
    assert "LR grows like batch^0." in text
    assert "hinge: none, a break needs optima at 5 batch sizes, there are 4" in text
    assert "best alpha 0." in text
    assert "lora_rank 4" in text


def test_batch_scaling_of_one_batch_size_says_so(ucurve: Caller, scaling_store: Path) -> None:
    text = ucurve("batch-scaling", "--store", scaling_store, "--where", "batch_size=8").out
    assert "There is one batch size only" in text
    assert "left out" in text


def test_an_unknown_setting_is_bad_input(ucurve: Caller, scaling_store: Path) -> None:
    answer = ucurve("batch-scaling", "--store", scaling_store, "--setting", "rank")
    assert answer.code == 2
    assert "no configuration key 'rank'" in answer.err


def test_lr_scaling_against_the_rank(ucurve: Caller, scaling_store: Path) -> None:
    found = _json(ucurve, "lr-scaling", "--store", scaling_store, "--against", "lora_rank")
    assert found["exponent"] == pytest.approx(0.14, abs=0.1)  # make_sweep shifts ln lr by 0.1 per doubling
    assert found["n_points"] == 8
    text = ucurve("lr-scaling", "--store", scaling_store, "--against", "lora_rank").out
    assert "like lora_rank^0." in text


def test_lr_scaling_against_nothing_known_is_bad_input(ucurve: Caller, scaling_store: Path) -> None:
    answer = ucurve("lr-scaling", "--store", scaling_store, "--against", "depth")
    assert answer.code == 2
    assert "--against can be: " in answer.err


def test_recommend_lr_from_a_store_shifts_the_rule(ucurve: Caller, scaling_store: Path) -> None:
    arguments = ("recommend-lr", "meta-llama/Llama-3.1-8B", "--from-store", scaling_store)
    found = _json(ucurve, *arguments)
    published = recommend_lr("meta-llama/Llama-3.1-8B").learning_rate
    assert published is not None
    assert found["learning_rate"] == pytest.approx(published * found["offset"])
    assert found["n_models"] == 1
    answer = ucurve(*arguments)
    assert float(answer.out) == found["learning_rate"]
    assert "published rule times what 1 model in the store needs" in answer.err
    assert "95 % interval none: how models differ" in answer.err


def test_recommend_lr_from_a_store_without_the_family_is_none(ucurve: Caller, scaling_store: Path) -> None:
    answer = ucurve("recommend-lr", "google/gemma-2-9b", "--from-store", scaling_store)
    assert (answer.code, answer.out) == (0, "none\n")
    assert "No recommendation: the store has optima of 0 models" in answer.err
