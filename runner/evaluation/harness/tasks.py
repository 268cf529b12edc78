"""Tasks of the harness by name: found, built with their data, and set up."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from runner.errors import ConfigError
from runner.evaluation.harness.index import is_whole
from runner.evaluation.harness.quiet import offline, quietly
from runner.evaluation.harness.refusals import (
    check_config,
    check_task,
    guarded,
    unknown_task,
    why_not_built,
)
from runner.evaluation.harness.settings import HarnessSettings, Seeds

TaskSet: TypeAlias = dict[str, Any]
"""What a name stands for: `tasks` and `groups` by name, as `TaskManager.load` gives them."""


def load_tasks(names: Sequence[str], settings: HarnessSettings) -> dict[str, TaskSet]:
    """Returns the tasks behind each name, with their data, set up as the settings want them.

    Raises:
        ConfigError: a name is unknown, a data set is not on this machine, a task's file is wrong or wants to run code.
    """
    if not names:
        raise ConfigError("no tasks named; --tasks takes names such as hellaswag,arc_easy")
    with quietly(), offline(download=settings.download), guarded(allow_code=settings.allow_code):
        manager = _manager(names, settings)
        return {name: _load(manager, name, settings) for name in dict.fromkeys(names)}


def _manager(names: Sequence[str], settings: HarnessSettings) -> TaskManager:
    """Knows the user's own tasks; the harness's too where a name is not among them, which takes it ten seconds."""
    own = [str(path) for path in settings.include_paths]
    if own:
        manager = TaskManager(include_path=own, include_defaults=False)
        if all(is_whole(manager.task_index, name) for name in names):
            return manager
    manager = TaskManager(include_path=own or None)
    for name in names:
        if name not in manager.task_index:
            raise unknown_task(name, manager.all_tasks, own)
    return manager


def _load(manager: TaskManager, name: str, settings: HarnessSettings) -> TaskSet:
    check_config(manager.task_index, name, settings)
    try:
        loaded: TaskSet = dict(manager.load([name]))
    except ConfigError:
        raise
    except Exception as error:  # a task file can raise anything
        raise why_not_built(manager.task_index, name, error, settings) from error
    for task_name, task in loaded["tasks"].items():
        check_task(task_name, task, settings)
        _set_up(task, settings)
    return loaded


def _set_up(task: Task, settings: HarnessSettings) -> None:
    """Sets the number of examples. Source: lm-evaluation-harness 0.4.13, `simple_evaluate`."""
    stated = task.get_config("num_fewshot")
    if settings.num_fewshot is not None and stated != 0:
        task.set_config(key="num_fewshot", value=settings.num_fewshot)
    elif stated is None:
        task.set_config(key="num_fewshot", value=0)


def seed_tasks(tasks: TaskSet, seeds: Seeds) -> None:
    """Sets all that tasks draw from, before their requests are built. Source: `simple_evaluate`."""
    random.seed(seeds.random)
    np.random.seed(seeds.numpy)  # noqa: NPY002 - the one that tasks use
    torch.manual_seed(seeds.torch)
    for task in tasks["tasks"].values():
        task.set_fewshot_seed(seed=seeds.fewshot)
