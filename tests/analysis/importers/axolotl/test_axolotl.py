"""A folder with what axolotl's own code writes into it: its configuration out of the log or the model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.importers.axolotl import SOURCE
from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.config_rules.typed import typed_columns
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from tests.analysis.importers.trainer.folders import LOGS as TRAINER_LOGS
from tests.analysis.importers.trainer.folders import logged
from tests.analysis.importers.trainer.folders import read_one as read_as_trainer

FOLDER = Path(__file__).parent / "logs" / "out"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "out"))


def _one(target: Path) -> SourceRun:
    request = Request(targets=(str(target),))
    (item,) = SOURCE.find(request)
    assert isinstance(item, Item), item
    (run,) = SOURCE.read(item, request, lambda _: None)
    assert isinstance(run, SourceRun), run
    return run


def _own(run: SourceRun) -> dict[str, object]:
    config = run.config["axolotl"]
    assert isinstance(config, dict)
    return config


def test_the_log_says_the_configuration_and_the_trainer_the_rest() -> None:
    run, trainer = _one(FOLDER), read_as_trainer(FOLDER)
    assert (run.kind, run.key, run.marks, run.status) == ("axolotl", trainer.key, trainer.marks, "finished")
    assert logged(run) == logged(trainer)
    assert (_own(run)["micro_batch_size"], _own(run)["sequence_len"]) == (2, 32)
    assert run.environment["axolotl_version"] == "0.19.0"


def test_typed_columns() -> None:
    columns = typed_columns(_one(FOLDER), RunMap()).columns
    names = ("learning_rate", "batch_size", "lora_rank", "dataset", "adapter", "seed", "model")
    assert {name: columns[name] for name in names} == {
        "learning_rate": 4e-3, "batch_size": 4, "lora_rank": 4, "dataset": "tiny/words", "adapter": "lora", "seed": 5,
        "model": "/srv/sweep/tiny-model",
    }  # fmt: skip


def test_without_the_log_the_model_card_says_it(folder: Path) -> None:
    (folder / "debug.log").unlink()
    run = _one(folder)
    assert _own(run)["lora_target_linear"] is True
    assert typed_columns(run, RunMap()).columns["learning_rate"] == 4e-3


def test_of_several_starts_the_last_whole_one_counts(folder: Path) -> None:
    log = folder / "debug.log"
    first = log.read_text()
    second = first.replace('"seed": 5', '"seed": 6')
    log.write_text(first + second)
    assert _own(_one(folder))["seed"] == 6
    log.write_text(first + second[:300])
    assert _own(_one(folder))["seed"] == 5


def test_without_either_only_its_arguments_would_tell(folder: Path) -> None:
    (folder / "debug.log").write_text("[2026] [INFO] [axolotl.cli.config] config:\n{ broken")
    (folder / "README.md").unlink()
    assert list(SOURCE.find(Request(targets=(str(folder),)))) == []
    assert read_as_trainer(folder).status == "finished"


@pytest.mark.parametrize(
    "card", ["a: &a [1]\nb: [*a, *a]", "[1, 2]", "a: [", "x: !!python/object/apply:os.system [ls]"]
)
def test_a_card_with_anything_but_plain_yaml_is_not_read(folder: Path, card: str) -> None:
    (folder / "debug.log").unlink()
    block = f"<summary>See axolotl config</summary>\n\naxolotl version: `0.19.0`\n```yaml\n{card}\n```\n"
    (folder / "README.md").write_text(block)
    run = _one(folder)
    assert "axolotl" not in run.config
    assert run.notes[0].startswith("neither debug.log nor README.md")


def test_other_trainers_folders_are_not_taken() -> None:
    assert list(SOURCE.find(Request(targets=(str(TRAINER_LOGS),)))) == []


def test_numbers_in_the_log_are_exact(folder: Path) -> None:
    whole = json.loads((FOLDER / "debug.log").read_text().split("config:\n", 1)[1].split("\n[", 1)[0])
    assert _own(_one(folder)) == whole
