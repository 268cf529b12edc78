"""The public tables, by the maps in `examples/maps`; skipped where the tables are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.importers.table import guess_map, import_table, map_to_yaml, parse_map, plan_import, read_map, read_table
from analysis.store import Store
from tests.shared_data import table_path

MAPS = Path(__file__).parents[4] / "examples" / "maps"
TABLES = {
    "tinker-sft-sweep": "tinker-sft-sweep/sft_sweep.csv",
    "openlm-models": "openlm-scaling/models.csv",
    "openlm-evals": "openlm-scaling/evals.csv",
    "peft-runs": "peft-metamathqa/runs.csv",
    "peft-curves": "peft-metamathqa/curves.csv",
    "taskset": "taskset-curves/imdb_patch128_LSTM128_embed128_bs64.csv",
}
N_RUNS = {"tinker-sft-sweep": 548, "openlm-models": 104, "openlm-evals": 104, "peft-runs": 129, "peft-curves": 129,
          "taskset": 600}  # fmt: skip


def _import(store: Store, name: str) -> tuple[int, int]:
    done = import_table(read_table(table_path(TABLES[name])), read_map(MAPS / f"{name}.yaml"), store)
    assert done.result.verdict == "complete"
    assert done.changes.n_changed == 0
    return len(done.runs), done.changes.n_unchanged


def test_every_example_map_is_tried() -> None:
    of_logs = {"wandb-runs"}  # a map of runs, not of a table: tests/analysis/importers/config_rules
    assert {path.stem for path in MAPS.glob("*.yaml")} - of_logs == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_public_table_comes_in_once(store: Store, name: str) -> None:
    assert _import(store, name) == (N_RUNS[name], 0)
    key = store.snapshot().key
    assert _import(store, name) == (N_RUNS[name], N_RUNS[name])
    assert store.snapshot().key == key
    assert store.check() == []


@pytest.mark.parametrize("name", TABLES)
def test_a_public_table_is_understood_without_a_map(name: str) -> None:
    table = read_table(table_path(TABLES[name]))
    guessed = guess_map(table)
    assert parse_map(map_to_yaml(guessed)) == guessed
    planned = plan_import(table, guessed, None)
    assert (planned.result.verdict, len(planned.runs)) == ("complete", N_RUNS[name])


@pytest.mark.parametrize("text", [None, "fields: {learning_rate: lr}\nmetrics: {eval_loss: test_nll}"])
def test_the_66_cells_of_tinker_with_two_runs_are_replicates(store: Store, text: str | None) -> None:
    table = read_table(table_path(TABLES["tinker-sft-sweep"]))
    done = import_table(table, guess_map(table) if text is None else parse_map(text), store)
    runs = store.snapshot().runs()
    assert (len(runs), runs["trial_key"].nunique(), runs["run_id"].nunique()) == (548, 482, 548)
    assert list(done.measured) == ([] if text is None else ["train_nll", "wall_time_min"])


def test_openlm_models_and_evals_are_joined(store: Store) -> None:
    _import(store, "openlm-models")
    _import(store, "openlm-evals")
    snapshot = store.snapshot()
    assert len(snapshot.runs()) == 104
    assert snapshot.runs()["learning_rate"].notna().all()
    assert snapshot.runs()["trial_key"].nunique() > 1
    evals = snapshot.evals()
    assert len(evals) == 104 * 46
    assert evals["chance_level"].notna().all()


def test_peft_runs_and_curves_are_joined(store: Store) -> None:
    _import(store, "peft-runs")
    _import(store, "peft-curves")
    results = store.snapshot().results("train_loss")
    assert (len(results), set(results["n_logged"])) == (129, {20})
    assert results["lora_rank"].notna().any()


def test_blank_losses_of_taskset_count_as_diverged(store: Store) -> None:
    _import(store, "taskset")
    results = store.snapshot().results("eval_loss")
    assert set(results["n_logged"]) == {51}
    assert (results["n_nonfinite"] > 0).any()
