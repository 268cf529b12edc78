"""Folders that TRL and the plain Trainer wrote: every logged value, the configuration, and how each training ended."""

from __future__ import annotations

import json
import math

import pytest

from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.config_rules.typed import typed_columns
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from analysis.importers.trainer import SOURCE
from tests.analysis.importers.trainer.folders import LOGS, Copy, logged, read_all, read_one, state_of

DAY = 86_400.0


def _expected(state: dict[str, object]) -> dict[tuple[int, str], float]:
    """Counted independently: the first value of each name at each step."""
    entries = state["log_history"]
    assert isinstance(entries, list)
    return {(entry["step"], name): entry[name] for entry in reversed(entries) for name in entry if name != "step"}


@pytest.mark.parametrize("name", ["sft-low", "sft-high", "sft-seed-1", "sft-resumed", "plain-early"])
def test_every_logged_value_arrives(name: str) -> None:
    run, expected = read_one(LOGS / name), _expected(state_of(LOGS / name / "trainer_state.json"))
    found = logged(run)
    assert {place: found[place] for place in expected} == expected
    assert run.rows_got == run.rows_expected == len({step for step, _ in expected})
    assert (run.verdict, run.status, run.reason) == ("complete", "finished", None)


def test_values_that_only_the_result_files_have_stand_at_the_last_step() -> None:
    run = read_one(LOGS / "sft-low")
    results = state_of(LOGS / "sft-low" / "all_results.json")
    state = state_of(LOGS / "sft-low" / "trainer_state.json")
    late = logged(run).keys() - _expected(state).keys()
    assert late == set()  # it was evaluated at the last step, too, and what the log says stands
    assert run.summary["eval_runtime"] == results["eval_runtime"] != logged(run)[12, "eval_runtime"]


def test_results_of_an_evaluation_after_the_end_come_in(copy: Copy) -> None:
    folder = copy("sft-low")
    (folder / "trainer_state.json").unlink()
    (folder / "eval_results.json").write_text('{"epoch": 0.4, "eval_late": 1.5, "eval_loss": 9.0, "text": "no"}')
    (folder / "all_results.json").unlink()
    (folder / "train_results.json").unlink()
    found = logged(read_one(folder))
    assert found[4, "eval_late"] == 1.5
    assert found[4, "eval_loss"] != 9.0
    (folder / "eval_results.json").write_text('{"epoch": 0.41, "eval_late": 1.5}')
    assert (4, "eval_late") not in logged(read_one(folder))


def test_the_configuration_is_that_of_the_arguments_not_of_the_log() -> None:
    rates = {name: _columns(read_one(LOGS / name))["learning_rate"] for name in ("sft-low", "sft-high", "sft-killed")}
    assert rates == {"sft-low": 2e-4, "sft-high": 2e-2, "sft-killed": 5e-3}


def _columns(run: SourceRun) -> dict[str, object]:
    typed = typed_columns(run, RunMap())
    assert typed.notes == ()
    return dict(typed.columns)


def test_typed_columns_of_a_lora_run() -> None:
    assert _columns(read_one(LOGS / "sft-seed-1")) == {
        "learning_rate": 2e-4,
        "lr_schedule": "cosine",
        "warmup_steps": 2,
        "batch_size": 4,
        "grad_accum_steps": 2,
        "lora_rank": 4,
        "lora_alpha": 8.0,
        "lora_dropout": 0.05,
        "target_modules": ["q_proj", "v_proj"],
        "adapter": "lora",
        "model": "/srv/sweep/tiny-model",
        "weight_decay": 0.01,
        "clip_kind": "norm",
        "clip_value": 1.0,
        "optimizer": "adamw_torch_fused",
        "objective": "sft",
        "max_steps": 12,
        "seed": 1,
        "device": "cpu",
    }


def test_a_run_of_all_weights_has_no_adapter() -> None:
    run = read_one(LOGS / "plain-early")
    assert "adapter" not in run.columns  # no weights lie in the logs
    assert run.config["model_config"] == state_of(LOGS / "plain-early" / "config.json")
    assert run.status_reason == "early stopping after 15 of 100 steps"
    assert run.directions == {"eval_loss": "min"}


def test_weights_without_an_adapter_are_all_weights(copy: Copy) -> None:
    folder = copy("plain-early")
    (folder / "model.safetensors").write_bytes(b"")
    assert read_one(folder).columns["adapter"] == "full"


def test_nan_stays_nan_and_is_no_failure() -> None:
    run = read_one(LOGS / "plain-nan")
    assert math.isnan(logged(run)[10, "loss"])
    assert run.status == "finished"
    assert run.objects.num_rows == 0


def test_states_in_checkpoints_only_are_enough() -> None:
    run = read_one(LOGS / "sft-no-state")
    assert (run.status, run.verdict, run.rows_got) == ("finished", "complete", 6)
    assert logged(run) == _expected(state_of(LOGS / "sft-no-state" / "checkpoint-12" / "trainer_state.json"))


@pytest.mark.parametrize(("age", "status"), [(60.0, "running"), (7200.0, "unconfirmed"), (2 * DAY, "lost")])
def test_a_killed_training_is_told_by_its_age(copy: Copy, age: float, status: str) -> None:
    folder = copy("sft-killed")
    newest = max(path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    run = read_one(folder, now=newest + age)
    assert (run.status, run.verdict, run.rows_got) == (status, "unverified", 2)
    assert run.reason is not None
    assert "4 of 12 steps" in run.reason


def test_a_run_is_one_before_and_after_it_was_resumed(copy: Copy) -> None:
    whole = copy("sft-resumed")
    early = read_one(whole / "checkpoint-4")
    after = read_one(whole)
    assert (early.key, early.marks) == (after.key, after.marks)
    assert (early.status, after.status) == ("running", "finished")
    assert logged(early).items() <= logged(after).items()


def test_runs_are_told_apart_by_content() -> None:
    runs = read_all(LOGS)
    assert len(runs) == 8
    assert len({run.key for run in runs if isinstance(run, SourceRun)}) == 8


def test_a_copy_under_another_name_is_the_same_run(copy: Copy) -> None:
    folder = copy("sft-low")
    moved = folder.rename(folder.with_name("lr=1e-9 ünïcode"))
    one, other = read_one(LOGS / "sft-low"), read_one(moved)
    assert (one.key, one.marks, one.name, one.config) == (other.key, other.marks, other.name, other.config)
    assert one.history.equals(other.history)


def test_versions_and_class_are_kept() -> None:
    environment = read_one(LOGS / "sft-low").environment
    assert environment["arguments_class"] == "trl.trainer.sft_config.SFTConfig"
    assert environment["versions"] == {
        "PEFT": "0.21.2", "TRL": "1.16.0", "Transformers": "5.23.0", "Pytorch": "2.13.0+cpu", "Datasets": "5.2.0",
        "Tokenizers": "0.23.3",
    }  # fmt: skip


def test_a_folder_is_the_item_of_all_its_checkpoints() -> None:
    (item,) = SOURCE.find(Request(targets=(str(LOGS / "sft-low"),)))
    assert isinstance(item, Item)
    assert item.folder == LOGS / "sft-low"


def test_an_evaluation_after_the_end_changes_nothing_that_is_there(copy: Copy) -> None:
    """A folder that is imported before and after its last evaluation grows; it does not contradict itself."""
    folder = copy("sft-high")
    early = read_one(folder)
    content = state_of(folder / "trainer_state.json")
    entries = content["log_history"]
    assert isinstance(entries, list)
    late = {"step": 12, "eval_loss": 9.0, "eval_new": 1.0}
    (folder / "trainer_state.json").write_text(json.dumps(content | {"log_history": [*entries, late]}))
    after = read_one(folder)
    assert logged(after) == logged(early) | {(12, "eval_new"): 1.0}
    assert after.summary["logged_again"] == [{"step": 12, "eval_loss": 9.0}]
    assert after.notes == ("1 values were logged again at the same step: the first counts, the summary has the others",)
