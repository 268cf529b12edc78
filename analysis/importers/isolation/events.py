"""What a reading process tells: one small value for each thing that happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from analysis.importers.source import Item
from analysis.importers.source_run import Refusal, SourceRun


@dataclass(frozen=True, slots=True)
class Found:
    """There is something to read."""

    item: Item


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item is not read, because it is known to be in."""

    item: Item


@dataclass(frozen=True, slots=True)
class Started:
    """The reading of an item begins."""

    item: Item


@dataclass(frozen=True, slots=True)
class Reading:
    """So many rows of an item were read so far."""

    item: Item
    n_rows: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run has arrived; `n_redacted` secrets were taken out of it."""

    item: Item
    run: SourceRun
    n_redacted: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Of something nothing can be taken; `item` is None where that is said while looking."""

    refusal: Refusal
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An item was read to its end."""

    item: Item


@dataclass(frozen=True, slots=True)
class Broken:
    """The reading process broke or hung over an item, or over looking for items (`item` is None)."""

    item: Item | None
    reason: str


Event: TypeAlias = Found | Skipped | Started | Reading | Run | Refused | Done | Broken


def item_to_json(item: Item) -> dict[str, object]:
    """An item as JSON values."""
    return asdict(item) | {
        "locator": dict(item.locator),
        "folder": None if item.folder is None else str(item.folder),
    }


def item_from_json(content: Mapping[str, object]) -> Item:
    """The item behind `item_to_json`.

    Raises:
        ValueError: it is none.
    """
    texts = {name: content.get(name) for name in ("kind", "label", "digest")}
    locator, folder, n_rows = content.get("locator"), content.get("folder"), content.get("n_rows")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(locator, dict):
        raise ValueError("an item without kind, label, digest or locator")
    return Item(
        kind=str(texts["kind"]),
        label=str(texts["label"]),
        digest=str(texts["digest"]),
        locator={str(name): str(value) for name, value in locator.items()},
        folder=Path(folder) if isinstance(folder, str) else None,
        n_rows=n_rows if isinstance(n_rows, int) else None,
    )


def refusal_from_json(content: Mapping[str, object]) -> Refusal:
    """A refusal; what is missing in it is empty text."""
    kind, label, reason = (str(content.get(name, "")) for name in ("kind", "label", "reason"))
    return Refusal(kind=kind, label=label, reason=reason, hides_others=content.get("hides_others") is True)
