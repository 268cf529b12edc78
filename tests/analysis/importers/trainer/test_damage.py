"""Folders that were damaged, used twice, are empty, or large: nothing raises, and nothing is lost without a word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.config_rules.typed import typed_columns
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal
from analysis.importers.trainer import SOURCE
from tests.analysis.importers.trainer.folders import LOGS, Copy, logged, read_all, read_one, state_of

STATE = "trainer_state.json"


def _rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(state_of(path) | changes))


@pytest.mark.parametrize("keep", [0, 1, 700])
def test_a_truncated_state_falls_back_to_the_newest_sound_one(copy: Copy, keep: int) -> None:
    folder = copy("sft-low")
    whole = (folder / STATE).read_bytes()
    (folder / STATE).write_bytes(whole[:keep])
    run = read_one(folder)
    assert (run.verdict, run.rows_got) == ("partial", 2)
    assert run.reason is not None
    assert run.reason.startswith(f"{STATE}: {STATE} ")
    assert {step for step, _ in logged(run)} == {2, 4}
    assert run.key == read_one(LOGS / "sft-low").key


def test_a_damaged_old_checkpoint_loses_nothing(copy: Copy) -> None:
    folder = copy("sft-low")
    (folder / "checkpoint-4" / STATE).write_text("{")
    run = read_one(folder)
    assert (run.verdict, run.rows_got) == ("complete", 6)
    assert run.notes == (f"checkpoint-4/{STATE}: {STATE} is no JSON; a newer state says the same",)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"global_step": 3}', '{"global_step": "x", "log_history": []}'])
def test_a_folder_without_any_sound_state_is_refused(copy: Copy, content: str) -> None:
    folder = copy("plain-nan")
    (folder / STATE).write_text(content)
    (refusal,) = read_all(folder)
    assert isinstance(refusal, Refusal)
    assert STATE in refusal.reason


def test_entries_without_a_place_are_counted(copy: Copy) -> None:
    folder = copy("plain-nan")
    entries = state_of(folder / STATE)["log_history"]
    assert isinstance(entries, list)
    _rewrite(folder / STATE, log_history=[*entries, {"loss": 1.0}, "text", {"step": -1, "loss": 1.0}])
    run = read_one(folder)
    assert (run.verdict, run.rows_expected, run.rows_got) == ("partial", 6, 3)
    assert [problem.line for problem in run.problems] == [len(entries) + 1, len(entries) + 2, len(entries) + 3]


def test_values_of_every_kind(copy: Copy) -> None:
    folder = copy("plain-nan")
    values = {
        "none": None, "text": "NaN", "flag": True, "list": [1, None], "huge": 2**70 + 1, "exact": 2**53 + 1, "é": 1,
        "inf": float("inf"), "n.a": 1.0, "n": {"a": 2.0},
    }  # fmt: skip
    _rewrite(folder / STATE, log_history=[{"step": 5.0, **values}], global_step=100)
    run = read_one(folder)
    objects = {row["name"]: row["json"] for row in run.objects.to_pylist()}
    assert objects == {
        "none": "null", "text": '"NaN"', "flag": "true", "list": "[1, null]", "huge": str(2**70 + 1),
        "exact": str(2**53 + 1), "n": '{"a": 2.0}',
    }  # fmt: skip
    assert {name for _, name in logged(run)} == {"huge", "exact", "é", "inf", "n.a"}


def test_half_characters_do_not_stop_it(copy: Copy) -> None:
    folder = copy("plain-nan")
    _rewrite(folder / STATE, log_history=[{"step": 5, "a\ud800": 1.0}])
    assert logged(read_one(folder)) == {(5, "a\ufffd"): 1.0}


def test_nothing_logged_yet_is_refused_until_something_is(copy: Copy) -> None:
    folder = copy("sft-killed")
    _rewrite(folder / "checkpoint-4" / STATE, log_history=[])
    (refusal,) = read_all(folder)
    assert isinstance(refusal, Refusal)
    assert "nothing has been logged yet" in refusal.reason


def test_a_finished_run_that_logged_nothing_is_a_run(copy: Copy) -> None:
    folder = copy("sft-high")
    _rewrite(folder / STATE, log_history=[])
    run = read_one(folder)
    assert (run.status, run.verdict) == ("finished", "complete")
    assert logged(run)[12, "eval_loss"] == run.summary["eval_loss"]


def test_a_model_without_any_state(copy: Copy) -> None:
    folder = copy("sft-high")
    (folder / STATE).unlink()
    run = read_one(folder)
    assert (run.status, run.verdict, run.rows_got) == ("finished", "unverified", 0)
    for name in ("all_results.json", "train_results.json"):
        (folder / name).unlink()
    run = read_one(folder)
    assert (run.status, run.verdict) == ("unconfirmed", "unverified")
    assert typed_columns(run, RunMap()).columns["learning_rate"] == 2e-2


def test_without_arguments_no_learning_rate_is_invented(copy: Copy) -> None:
    folder = copy("sft-low")
    (folder / "training_args.bin").unlink()
    shutil.rmtree(folder / "checkpoint-4")
    run = read_one(folder)
    typed = typed_columns(run, RunMap())
    assert "learning_rate" not in typed.columns
    assert "batch_size" not in typed.columns
    assert typed.columns["lora_rank"] == 4
    (note,) = run.notes
    assert note.startswith("no file states the configured learning rate (the largest that the schedule reached in the")


def test_without_arguments_the_model_card_states_the_settings(copy: Copy) -> None:
    folder = copy("plain-early")
    for path in folder.rglob("training_args.bin"):
        path.unlink()
    run = read_one(folder)
    columns = typed_columns(run, RunMap()).columns
    assert {name: columns[name] for name in ("learning_rate", "seed", "batch_size", "lr_schedule")} == {
        "learning_rate": 0.01, "seed": 42, "batch_size": 4, "lr_schedule": "constant",
    }  # fmt: skip
    assert run.notes == ()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"not a pickle"])
def test_unreadable_arguments_are_said(copy: Copy, content: bytes) -> None:
    folder = copy("sft-high")
    (folder / "training_args.bin").write_bytes(content)
    run = read_one(folder)
    assert (run.verdict, run.rows_got) == ("partial", 6)
    assert run.reason is not None
    assert run.reason.startswith("training_args.bin is no file of torch.save")


def test_an_adapter_in_a_checkpoint_stands_for_a_damaged_one(copy: Copy) -> None:
    folder = copy("sft-low")
    (folder / "adapter_config.json").write_text('{"r": 4,')
    run = read_one(folder)
    assert run.verdict == "complete"
    assert typed_columns(run, RunMap()).columns["lora_rank"] == 4
    assert [problem.reason for problem in run.problems] == ["adapter_config.json is no JSON"]


def test_a_folder_that_was_used_twice_holds_two_runs(copy: Copy) -> None:
    folder, other = copy("sft-high"), LOGS / "sft-no-state" / "checkpoint-12"
    shutil.copytree(other, folder / "checkpoint-7")
    _rewrite(folder / "checkpoint-7" / STATE, global_step=7)
    runs = [run for run in read_all(folder) if not isinstance(run, Refusal)]
    rates = [typed_columns(run, RunMap()).columns["learning_rate"] for run in runs]
    assert rates == [2e-2, 1e-3]
    assert [run.status for run in runs] == ["finished", "lost"]
    assert runs[0].key == read_one(LOGS / "sft-high").key


def test_states_that_contradict_each_other_are_attempts(copy: Copy) -> None:
    folder = copy("sft-low")
    entries = state_of(folder / "checkpoint-4" / STATE)["log_history"]
    assert isinstance(entries, list)
    _rewrite(folder / "checkpoint-4" / STATE, log_history=[entries[0], entries[1] | {"loss": 9.0}])
    run = read_one(folder)
    rows = [row for row in run.history.to_pylist() if (row["step"], row["name"]) == (4, "loss")]
    assert [(row["attempt"], row["value"] == 9.0) for row in rows] == [(1, True), (2, False)]
    assert any("contradict each other" in note for note in run.notes)


def test_training_on_after_the_end_is_the_same_run(copy: Copy) -> None:
    """The root's state ends with what `train()` logs when it returns; the checkpoint that goes on was saved before."""
    folder = copy("sft-high")
    content = state_of(folder / STATE)
    entries = content["log_history"]
    assert isinstance(entries, list)
    longer = [entry for entry in entries if "train_runtime" not in entry] + [{"step": 24, "loss": 1.0}]
    (folder / "checkpoint-24").mkdir()
    changed = content | {"log_history": longer, "global_step": 24, "max_steps": 36}
    (folder / "checkpoint-24" / STATE).write_text(json.dumps(changed))
    run = read_one(folder)
    assert run.key == read_one(LOGS / "sft-high").key
    assert logged(run)[24, "loss"] == 1.0
    assert run.status != "finished"


def test_fifty_checkpoints_are_one_run(copy: Copy) -> None:
    folder = copy("sft-low")
    for number in range(100, 150):
        shutil.copytree(folder / "checkpoint-4", folder / f"checkpoint-{number}")
    (item,) = SOURCE.find(Request(targets=(str(folder),)))
    assert isinstance(item, Item)
    assert read_one(folder).rows_got == 6


def test_links_do_not_double_a_folder(copy: Copy) -> None:
    folder = copy("sft-low")
    (folder.parent / "latest").symlink_to(folder)
    (folder / "loop").symlink_to(folder.parent)
    assert len(read_all(folder.parent)) == 1


def test_the_digest_follows_the_files(copy: Copy) -> None:
    folder = copy("sft-low")

    def digest() -> str:
        (item,) = SOURCE.find(Request(targets=(str(folder),)))
        assert isinstance(item, Item)
        return item.digest

    before = digest()
    assert digest() == before
    _rewrite(folder / "checkpoint-4" / STATE, global_step=5)
    assert digest() != before


def test_nothing_is_written(copy: Copy) -> None:
    folder = copy("sft-low")

    def content() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}

    before = content()
    read_all(folder)
    assert content() == before


def test_a_missing_target_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file or folder"):
        list(SOURCE.find(Request(targets=(str(tmp_path / "nothing"),))))


def test_a_folder_without_a_training_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert read_all(tmp_path) == []


def test_a_folder_that_goes_away_is_refused(copy: Copy) -> None:
    folder = copy("sft-high")
    request = Request(targets=(str(folder),))
    (item,) = SOURCE.find(request)
    shutil.rmtree(folder)
    assert isinstance(item, Item)
    (refusal,) = SOURCE.read(item, request, lambda _: None)
    assert isinstance(refusal, Refusal)
