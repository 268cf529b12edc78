"""Tasks by name: what is found, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigError, EnvironmentProblem
from runner.evaluation.harness import settings as settings_module
from runner.evaluation.harness.refusals import unknown_task
from runner.evaluation.harness.settings import HarnessSettings, harness_version
from runner.evaluation.harness.tasks import load_tasks
from tests.runner.evaluation.harness.tiny_tasks import CHOICE, GROUP, WRITE, write_task

pytestmark = pytest.mark.filterwarnings("default")


def test_a_group_of_ones_own_is_found_without_reading_the_harnesss_tasks(
    tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lm_eval.tasks.manager.__file__", str(tasks / "nowhere" / "manager.py"))

    loaded = load_tasks([GROUP, WRITE], HarnessSettings(include_paths=(tasks,)))

    assert {name: sorted(one["tasks"]) for name, one in loaded.items()} == {GROUP: [CHOICE], WRITE: [WRITE]}


def test_the_number_of_examples_is_set_but_for_tasks_that_fix_it_at_none(tmp_path: Path) -> None:
    for folder, stated, expected in (("a", {}, 3), ("b", {"num_fewshot": 1}, 3), ("c", {"num_fewshot": 0}, 0)):
        include = write_task(tmp_path / folder, fewshot_split="test", **stated).include_paths
        task = load_tasks(["mine"], HarnessSettings(include_paths=include, num_fewshot=3))["mine"]["tasks"]["mine"]
        assert task.get_config("num_fewshot") == expected


def test_a_data_set_of_the_hub_that_is_not_here_is_named(tmp_path: Path) -> None:
    asked = write_task(tmp_path, dataset_path="nobody/nothing", dataset_name="main", dataset_kwargs={})

    with pytest.raises(
        ConfigError,
        match=r"'mine' needs the data set nobody/nothing main, which is not on this machine; add --download .*HF_HOME",
    ):
        load_tasks(["mine"], asked)


def test_a_local_file_that_is_not_there_is_named_with_where_paths_count_from(tmp_path: Path) -> None:
    asked = write_task(tmp_path, dataset_kwargs={"data_files": {"test": "gone.jsonl"}})

    with pytest.raises(
        ConfigError, match=r"task 'mine': .*gone\.jsonl.*; data_files .* the folder in which ucurve runs"
    ):
        load_tasks(["mine"], asked)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_split": "absent"}, r"task 'mine' cannot be built: .*absent"),
        ({"dataset_kwargs": {"trust_remote_code": True}}, "task 'mine' asks for trust_remote_code"),
        ({"unsafe_code": True}, "task 'mine' runs programs that the model writes"),
    ],
)
def test_a_task_that_cannot_be_asked_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_tasks(["mine"], write_task(tmp_path, **changes))


def test_code_beside_a_task_file_runs_only_if_that_is_allowed(tmp_path: Path) -> None:
    asked = write_task(tmp_path, doc_to_text="!function code.text")
    trace = tmp_path / "it-ran"
    (tmp_path / "code.py").write_text(
        f"import pathlib\npathlib.Path({str(trace)!r}).touch()\ndef text(doc): return 'Q ' + doc['q']\n"
    )

    with pytest.raises(ConfigError, match=r"runs Python \(!function code\.text\); add --allow-code if you trust it"):
        load_tasks(["mine"], asked)
    assert not trace.exists()

    allowed = HarnessSettings(include_paths=asked.include_paths, allow_code=True)
    task = load_tasks(["mine"], allowed)["mine"]["tasks"]["mine"]
    assert task.doc_to_text({"q": "1"}) == "Q 1"


def test_an_unknown_name_gets_the_nearest_ones_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("task: [")

    said = str(unknown_task("helaswag", ["hellaswag", "arc_easy"], [str(tmp_path)]))

    assert said.startswith(f"unknown task 'helaswag'; did you mean 'hellaswag'?; {tmp_path / 'broken.yaml'} cannot be")


@pytest.mark.slow  # the harness reads 15,000 files of tasks
def test_the_harnesss_own_tasks_are_known_by_name() -> None:
    with pytest.raises(ConfigError, match="task 'hellaswag' needs the data set Rowan/hellaswag, which is not on this"):
        load_tasks(["hellaswag"], HarnessSettings())


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"limit": 0}, "limit must be 1 or more, not 0"),
        ({"num_fewshot": -1}, "num_fewshot must be 0 or more, not -1"),
        ({"include_paths": (Path("no-such-folder"),)}, "no-such-folder is no folder"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        HarnessSettings(**wrong)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "PACKAGE", "no-such-package")
    with pytest.raises(EnvironmentProblem, match=r"pip install 'ucurve\[lm-eval\]'"):
        harness_version()
