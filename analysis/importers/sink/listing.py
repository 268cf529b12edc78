"""What there is at the targets of an import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from analysis.errors import ConfigError
from analysis.importers.config_rules import RunMap
from analysis.importers.isolation import Found, Reader, Refused
from analysis.importers.registry import SourceKind
from analysis.importers.sink.lines import ImportLines, read_lines, stored_digest, unused_label
from analysis.importers.sink.report import ImportReport
from analysis.importers.source import Item
from analysis.importers.source_run import Refusal
from analysis.store import Store

Said: TypeAlias = Mapping[str, object]
OnEvent: TypeAlias = Callable[[Said], None]
"""Called with what happens, as docs/cli.md lists it."""


@dataclass(slots=True)
class Listing:
    """What there is at the targets.

    Attributes:
        items: What can be read, in the order of the kinds.
        refusals: What cannot, with its kind.
        whole: Kinds whose list is known to be whole.
        notes: Why a list is not.
        is_broken: Whether looking broke off somewhere.
    """

    items: list[Item] = field(default_factory=list)
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    is_broken: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was seen."""
        return not (self.items or self.refusals)

    def labels(self, kind: str) -> set[str]:
        """Everything that was seen of a kind."""
        items = {item.label for item in self.items if item.kind == kind}
        return items | {refusal.label for of_kind, refusal in self.refusals if of_kind == kind}


def list_all(reader: Reader, kinds: Sequence[SourceKind], tell: OnEvent) -> Listing:
    """Asks every kind. With several of them one that does not understand a target is passed by, and noted.

    Raises:
        ConfigError: the only kind does not understand a target.
    """
    listing = Listing()
    for kind in kinds:
        tell({"event": "looking", "kind": kind.name})
        try:
            is_whole = _list_kind(reader, kind.name, listing, tell)
        except ConfigError as problem:
            if len(kinds) == 1:
                raise
            listing.notes.append(f"{kind.name}: {problem}")
            continue
        listing.whole |= {kind.name} if is_whole else set()
    return listing


def _list_kind(reader: Reader, kind: str, listing: Listing, tell: OnEvent) -> bool:
    is_whole = True
    labels: set[str] = set()
    for event in reader.find(kind):
        if isinstance(event, Found):
            item = replace(event.item, label=unused_label(event.item.label, labels))
            listing.items.append(item)
            tell({"event": "found", "kind": kind, "source": item.label, "n_items": len(listing.items)})
        elif isinstance(event, Refused):
            refusal = replace(event.refusal, label=unused_label(event.refusal.label, labels))
            listing.refusals.append((kind, refusal))
            is_whole &= not event.refusal.hides_others
        else:
            is_whole = False
            listing.is_broken = True
            listing.notes.append(f"{kind}: the list of what there is may not be whole: {event.reason}")
    return is_whole


def preview(
    listing: Listing, chosen: Sequence[Item], store: Store | None, run_map: RunMap, report: ImportReport
) -> None:
    """Notes in the report what would be read: what is new, has changed, or is known."""
    lines = ImportLines() if store is None else read_lines(store.snapshot())
    for item in chosen:
        state = "changed" if (item.kind, item.label) in lines.stored else "new"
        state = "known" if lines.is_known(item, stored_digest(item, run_map)) else state
        report.items.append({"source": item.label, "kind": item.kind, "state": state, "n_rows": item.n_rows})
    for kind, refusal in listing.refusals:
        found: dict[str, object] = {"source": refusal.label, "kind": kind, "state": "refused", "reason": refusal.reason}
        report.items.append(found)
