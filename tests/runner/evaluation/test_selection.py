"""Which runs can be scored, and what is said of those that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.runs.filters import parse_conditions
from analysis.store import MetricRow, Store
from runner.errors import ConfigError
from runner.evaluation.base_run import base_row
from runner.evaluation.selection import select_best, select_runs, select_where
from runner.training.adapter_files import adapter_folder, save_adapter
from runner.training.adapters import Adapter, AdapterShape
from tests.runner.evaluation.scoring import run_row

Keep = Callable[..., Path]


@pytest.fixture
def keep(store: Store) -> Keep:
    """Writes a run with its adapter, and returns the adapter's folder."""

    def write(run_id: str, *, adapter: bool = True, base: str = "m", loss: float = 1.0, **changes: object) -> Path:
        metrics = [MetricRow(run_id, 1, 10, None, None, "eval_loss", loss)]
        store.append(runs=[run_row(run_id, **{"trial_key": run_id, **changes})], metrics=metrics)
        folder = adapter_folder(store, run_id)
        if adapter:
            shape = AdapterShape(rank=2, alpha=4, target_modules=("q_proj",))
            folder.parent.mkdir(parents=True)
            save_adapter(Adapter(shape, {"layers.0.q_proj": (4, 4)}, seed=0), folder, base_model=base)
        return folder

    return write


def test_a_finished_run_is_scored_at_its_last_step(store: Store, keep: Keep) -> None:
    folder = keep("a", attempt=2)
    (target,), left_out, notes = select_runs(store, ["a", "a"])
    assert (target.run_id, target.step, target.attempt, target.adapter) == ("a", 10, 2, folder)
    assert (target.model_id, left_out, notes) == ("m", [], [])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"adapter": False}, r"no adapter was saved for run 'a' \(save_adapters: false.*save_adapters: true"),
        ({"adapter": False, "source": "wandb"}, "imported from wandb: its adapter is not in the store"),
        ({"status": "running"}, "run 'a' is running; it can be scored once it has finished"),
        (
            {"status": "diverged", "status_reason": "non-finite loss at step 3"},
            "is diverged .non-finite loss at step 3",
        ),
        ({"base": "another"}, "its adapter was trained over 'another', the run says 'm'"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(
    store: Store, keep: Keep, changes: dict[str, object], sentence: str
) -> None:
    keep("a", **changes)
    with pytest.raises(ConfigError, match=sentence):
        select_runs(store, ["a"])
    with pytest.raises(ConfigError, match="there is nothing to score in"):
        select_where(store, [])


def test_an_unknown_run_and_a_base_model_are_told(store: Store, keep: Keep) -> None:
    keep("a")
    base = base_row(run_row("a"))
    store.append(runs=[base])
    with pytest.raises(ConfigError, match=r"no run 'b' in .*; `ucurve runs` lists them"):
        select_runs(store, ["a", "b"])
    with pytest.raises(ConfigError, match="is the base model itself"):
        select_runs(store, [str(base["run_id"])])
    assert [target.run_id for target in select_where(store, []).targets] == ["a"]


@pytest.mark.parametrize("damage", ["weights", "config", "empty"])
def test_a_damaged_adapter_is_left_out_and_named(store: Store, keep: Keep, damage: str) -> None:
    folder = keep("a")
    keep("b")
    weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    if damage == "weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "config":
        config.write_text("{")
    else:
        weights.unlink()
    (target,), (left,), _ = select_where(store, [])
    assert (target.run_id, left.run_id) == ("b", "a")
    assert left.reason.startswith("run 'a': ")
    assert str(folder) in left.reason


def test_runs_that_nobody_expects_to_be_scored_are_only_counted(store: Store, keep: Keep) -> None:
    keep("a")
    keep("b", status="diverged", adapter=False)
    keep("c", source="wandb", adapter=False)
    selection = select_where(store, [])
    assert [target.run_id for target in selection.targets] == ["a"]
    assert selection.left_out == []
    expected = ["1 diverged runs have no adapter to score", "1 imported runs have no adapter to score"]
    assert selection.notes == expected


def test_conditions_choose(store: Store, keep: Keep) -> None:
    keep("a", sweep_id="one")
    keep("b", sweep_id="two")
    assert [t.run_id for t in select_where(store, parse_conditions(["sweep_id=two"])).targets] == ["b"]


def test_the_best_configuration_is_scored_with_all_its_seeds(store: Store, keep: Keep) -> None:
    config = {"model": "m", "learning_rate": 1.0}
    for run_id, key, loss in (("a", "k1", 2.0), ("b", "k2", 1.0), ("c", "k2", 1.1)):
        config = {"model": "m", "learning_rate": float(key[1])}
        keep(run_id, loss=loss, trial_key=key, learning_rate=float(key[1]), config_json=json.dumps(config))
    selection = select_best(store, [], "eval_loss")
    assert sorted(target.run_id for target in selection.targets) == ["b", "c"]
    assert selection.notes[0].startswith("the best configuration by eval_loss: ")
    with pytest.raises(ConfigError, match="--best finds no winner"):
        select_best(store, [], "nothing")
