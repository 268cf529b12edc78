"""What a name of the harness stands for: a task, or a group or tag of such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from lm_eval.tasks._index import Entry

Index: TypeAlias = Mapping[str, Entry]
"""All names that a `TaskManager` knows, with their files."""


def task_configs(index: Index, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the tasks that a name stands for, with the settings that their files state; none of unknown ones."""
    entry = index.get(name)
    members = None if entry is None else _members(entry)
    if members is None:
        yield name, (entry.cfg or {}) if entry else {}
        return
    for member in members:
        if member != name:
            yield from task_configs(index, member)


def is_whole(index: Index, name: str) -> bool:
    """Whether a name and everything that it stands for is known."""
    return all(task in index for task, _ in task_configs(index, name))


def _members(entry: Entry) -> list[str] | None:
    """Names in a group or tag; None for a task."""
    stated = (entry.cfg or {}).get("task")
    if isinstance(stated, list):
        return [one if isinstance(one, str) else str(one.get("task") or one.get("group")) for one in stated]
    return sorted(entry.tags) if entry.yaml_path is None and entry.tags else None
