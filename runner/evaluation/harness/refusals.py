"""What is said of tasks that cannot be asked, each in one sentence; and what keeps their files from running code."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

import lm_eval
import lm_eval.tasks._yaml_loader as yaml_loader
from datasets.exceptions import DatasetNotFoundError
from lm_eval.api.task import Task

from runner.errors import ConfigError
from runner.evaluation.harness.index import Index, task_configs
from runner.evaluation.harness.settings import HarnessSettings

_OWN: Final = Path(lm_eval.__file__).resolve().parent
_IF_TRUSTED: Final = "add --allow-code if you trust it"


@contextmanager
def guarded(*, allow_code: bool) -> Iterator[None]:
    """Python that task files name is imported where it is the harness's own; any other only if the user allows it."""
    real = yaml_loader._import_func_in_yml

    def import_function(reference: str, folder: Path) -> object:
        if not allow_code and not Path(folder).resolve().is_relative_to(_OWN):
            raise ConfigError(f"a task file in {folder} runs Python (!function {reference}); {_IF_TRUSTED}")
        return real(reference, folder)

    with mock.patch.object(yaml_loader, "_import_func_in_yml", import_function):
        yield


def unknown_task(name: str, known: Sequence[str], folders: Sequence[str]) -> ConfigError:
    """For a name that no task has; the harness leaves out files that it cannot read, so these are named."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(map(repr, close))}?" if close else "`lm-eval ls tasks` lists all"
    unread = [f"; {problem}" for folder in folders if (problem := _unreadable(Path(folder)))]
    return ConfigError(f"unknown task {name[:60]!r}; {hint}{''.join(unread)}")


def _unreadable(folder: Path) -> str:
    """The first task file that the harness leaves out, and why; empty where there is none."""
    for path in sorted(folder.rglob("*.yaml")):
        try:
            config = yaml_loader.load_yaml(path, resolve_func=False)
        except Exception as error:  # a task file can hold anything
            return f"{path} cannot be read: {first_line(error)}"
        if not config.keys() & {"task", "group", "class"}:
            return f"{path} names no task"
    return ""


def check_config(index: Index, name: str, settings: HarnessSettings) -> None:
    """Refuses tasks whose data sets come with code, before anything is loaded."""
    for task_name, config in task_configs(index, name):
        arguments = config.get("dataset_kwargs")
        if isinstance(arguments, dict) and arguments.get("trust_remote_code") and not settings.allow_code:
            raise ConfigError(
                f"task {task_name!r} asks for trust_remote_code, Python that comes with its data set; {_IF_TRUSTED}"
            )


def check_task(name: str, task: Task, settings: HarnessSettings) -> None:
    """Refuses tasks that need other models, or that run what the model writes."""
    if getattr(task, "MULTIMODAL", False):
        raise ConfigError(f"task {name!r} shows pictures or plays sound, which Ucurve's models do not take; drop it")
    if getattr(task, "UNSAFE_CODE", False) and not settings.allow_code:
        raise ConfigError(f"task {name!r} runs programs that the model writes; add --allow-code on a machine for that")


def why_not_built(index: Index, name: str, error: Exception, settings: HarnessSettings) -> ConfigError:
    """For a task whose data or file is the problem."""
    reason = first_line(error)
    configs = list(task_configs(index, name))
    is_local = any("data_files" in (config.get("dataset_kwargs") or {}) for _, config in configs)
    if is_local and isinstance(error, FileNotFoundError) and not isinstance(error, DatasetNotFoundError):
        return ConfigError(
            f"task {name!r}: {reason}; data_files that are no full paths count from the folder in which ucurve runs"
        )
    if isinstance(error, ConnectionError | DatasetNotFoundError):
        needed = ", ".join(dict.fromkeys(_data_set(config) for _, config in configs))
        where = (
            "could not be fetched from the Hugging Face Hub"
            if settings.download
            else "is not on this machine; add --download to fetch it from the Hugging Face Hub"
        )
        return ConfigError(
            f"task {name!r} needs the data set {needed[:200]}, which {where} ({reason}); or fetch it on a machine with "
            "a connection and copy the folder that HF_HOME names"
        )
    return ConfigError(f"task {name!r} cannot be built: {type(error).__name__}: {reason}; see its task file")


def _data_set(config: Mapping[str, Any]) -> str:
    parts = (config.get("dataset_path"), config.get("dataset_name"))
    return " ".join(str(part) for part in parts if part) or "of its own"


def first_line(error: BaseException) -> str:
    """What an error says, cut to one line."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
