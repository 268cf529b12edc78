"""Recognises what lies at a path: every kind is asked, and one run that lies there in several forms is taken once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.registry import KINDS, SourceKind
from analysis.importers.source import Item

_ADDS: Final = frozenset({"lm-eval"})
"""Kinds that tell of something else than the training log beside them, such as benchmark scores: always taken."""


def check_targets(targets: Sequence[str]) -> None:
    """Makes sure that all targets exist.

    Raises:
        ConfigError: one does not.
    """
    for target in targets:
        if not Path(target).expanduser().exists():
            raise ConfigError(f"there is no file or folder {target!r}; check the path")


def choose(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Leaves out what is a run that another kind tells more of; gives the rest, and sentences about what was found.

    Of two items of different kinds one of whose folders holds the other's, the kind that stands first in the registry
    says more. A thing without a folder of its own, such as a database of many runs, is nobody's other form.
    """
    order = {kind.name: place for place, kind in enumerate(KINDS)}
    chosen: list[Item] = []
    notes: list[str] = []
    by_folder: dict[Path, list[Item]] = {}
    above: dict[Path, list[Item]] = {}
    for item in sorted(items, key=lambda item: order.get(item.kind, len(order))):
        other = _same_run(item, by_folder, above)
        if other is not None:
            notes.append(f"{item.label} ({item.kind}) is the same run as {other.label} ({other.kind}): taken once")
            continue
        chosen.append(item)
        if item.folder is not None and item.kind not in _ADDS:
            folder = item.folder.absolute()
            by_folder.setdefault(folder, []).append(item)
            for parent in (folder, *folder.parents):
                above.setdefault(parent, []).append(item)
    return chosen, [_recognised(chosen), *notes] if chosen else notes


def _same_run(item: Item, by_folder: dict[Path, list[Item]], above: dict[Path, list[Item]]) -> Item | None:
    """An item of a kind that says more, whose folder is this one's, lies in it, or holds it."""
    if item.folder is None or item.kind in _ADDS:
        return None
    folder = item.folder.absolute()
    near = above.get(folder, []) + [other for parent in folder.parents for other in by_folder.get(parent, [])]
    return next((other for other in near if other.kind != item.kind), None)


def _recognised(items: Sequence[Item]) -> str:
    kinds: list[SourceKind] = [kind for kind in KINDS if any(item.kind == kind.name for item in items)]
    counts = (f"{sum(item.kind == kind.name for item in items):,} x {kind.name}" for kind in kinds)
    return f"recognised: {', '.join(counts)}"
