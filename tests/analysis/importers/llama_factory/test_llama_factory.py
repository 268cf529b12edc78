"""Folders with LLaMA-Factory's own arguments and log: what outlived a kill comes in, and its settings are read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.config_rules.typed import typed_columns
from analysis.importers.llama_factory import SOURCE
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from analysis.importers.trainer import SOURCE as TRAINER
from analysis.store.identity import canonical_json
from tests.analysis.importers.trainer.folders import LOGS as TRAINER_LOGS
from tests.analysis.importers.trainer.folders import logged
from tests.analysis.importers.trainer.folders import read_one as read_as_trainer

LOGS = Path(__file__).parent / "logs"


def _one(target: Path) -> SourceRun:
    request = Request(targets=(str(target),))
    (item,) = SOURCE.find(request)
    assert isinstance(item, Item), item
    (run,) = SOURCE.read(item, request, lambda _: None)
    assert isinstance(run, SourceRun), run
    return run


def _lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "trainer_log.jsonl").read_text().splitlines()]


def test_what_was_logged_after_the_newest_checkpoint_comes_in() -> None:
    run, trainer = _one(LOGS / "killed"), read_as_trainer(LOGS / "killed")
    lines = _lines(LOGS / "killed")
    assert {step for step, _ in logged(trainer)} == {1, 2, 3, 4}
    found = logged(run)
    assert {step: found[step, "loss"] for step in (5, 6)} == {
        line["current_steps"]: line["loss"] for line in lines if line["current_steps"] > 4
    }
    assert {step: found[step, "learning_rate"] for step in (5, 6)} == {
        line["current_steps"]: line["lr"] for line in lines if line["current_steps"] > 4
    }
    assert (run.rows_got, run.verdict, run.status) == (6, "unverified", "running")


def test_it_is_the_trainers_run() -> None:
    run, trainer = _one(LOGS / "whole"), read_as_trainer(LOGS / "whole")
    assert (run.kind, run.key, run.marks) == ("llama-factory", trainer.key, trainer.marks)
    assert logged(run) == logged(trainer)
    assert (run.status, run.verdict) == ("finished", "complete")


def test_an_evaluation_at_the_end_is_at_the_last_step() -> None:
    assert (
        logged(_one(LOGS / "whole"))[12, "eval_loss"]
        == json.loads((LOGS / "whole" / "eval_results.json").read_text())["eval_loss"]
    )


def test_its_own_settings_are_read() -> None:
    columns = typed_columns(_one(LOGS / "whole"), RunMap()).columns
    assert {name: columns[name] for name in ("learning_rate", "batch_size", "lora_rank", "dataset", "objective")} == {
        "learning_rate": 3e-3, "batch_size": 4, "lora_rank": 4, "dataset": "tiny_words", "objective": "sft",
    }  # fmt: skip
    assert columns["adapter"] == "lora"


def test_a_resumed_log_counts_from_where_it_began_again(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LOGS / "killed", tmp_path / "out"))
    again = [{"current_steps": 5, "loss": 1.5}, "no entry", {"current_steps": "x"}]
    with (folder / "trainer_log.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in again)
        file.write('{"current_steps": 6, "lo')
    run = _one(folder)
    assert logged(run)[5, "loss"] == 1.5
    assert (6, "loss") not in logged(run)
    assert run.notes[0] == "3 lines of trainer_log.jsonl cannot be read"


def test_other_trainers_folders_are_not_taken() -> None:
    assert list(SOURCE.find(Request(targets=(str(TRAINER_LOGS),)))) == []
    assert len(list(TRAINER.find(Request(targets=(str(LOGS),))))) == 2


def test_odd_values_in_its_yaml_stay_storable(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LOGS / "whole", tmp_path / "out"))
    text = 'when: 2026-01-02\n1: one\nbroken: "\\ud800"\nwords: !!set {a, b}\nrate: .nan\nnested: {2: x}\n'
    (folder / "training_args.yaml").write_text(text)
    with (folder / "trainer_log.jsonl").open("a") as file:
        file.write('{"current_steps": 99, "a\\ud800": 1.0}\n')
    run = _one(folder)
    config = run.config["training_args"]
    assert isinstance(config, dict)
    assert {name: config[name] for name in ("when", "1", "broken", "nested")} == {
        "when": "2026-01-02", "1": "one", "broken": "\ufffd", "nested": {"2": "x"},
    }  # fmt: skip
    assert canonical_json(run.config)
    assert logged(run)[99, "a\ufffd"] == 1.0
