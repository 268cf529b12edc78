"""An import from beginning to end: look for items, read apart what is not known, and bring it into the store."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from analysis.errors import ConfigError
from analysis.importers.config_rules import NO_MAP, RunMap
from analysis.importers.isolation import Broken, Limits, Reader, Reading, Refused, Run
from analysis.importers.redaction import Redactor
from analysis.importers.registry import SourceKind
from analysis.importers.sink.lines import stored_digest
from analysis.importers.sink.listing import Listing, OnEvent, list_all, preview
from analysis.importers.sink.map_names import save_names
from analysis.importers.sink.report import ImportReport, SourceLine
from analysis.importers.sink.sink import Sink
from analysis.importers.source import Item, Request
from analysis.store import Store

Choose: TypeAlias = Callable[[Sequence[Item]], tuple[list[Item], list[str]]]
"""Leaves out items that are others in another form; gives those that stay, and sentences about the rest."""

_NARROWING: Final = frozenset({"filter", "since"})
"""Options with which what is not found need not be gone."""


def import_from(
    kinds: Sequence[SourceKind],
    request: Request,
    store: Store | Path,
    *,
    run_map: RunMap = NO_MAP,
    dry_run: bool = False,
    on_event: OnEvent | None = None,
    limits: Limits | None = None,
    choose: Choose | None = None,
) -> ImportReport:
    """Brings what lies at the targets into a store; what is there already is neither read nor written again.

    Ctrl-C ends it cleanly: what has arrived whole is written, and the report says that it was stopped.

    Args:
        kinds: Kinds to look for. With several of them a kind that does not understand a target is passed by.
        request: Targets and options.
        store: Where to; a folder is made a store when there is something to import.
        run_map: What the user says about configuration keys.
        dry_run: Only look, and say what would be read.
        on_event: For a progress bar or a page.
        limits: Of the reading process.
        choose: Which of the items to take; None takes all.

    Raises:
        ConfigError: what was asked for is wrong, such as a path that does not exist, or nothing is there.
        StoreError: the store cannot be read or written.
    """
    tell = on_event or (lambda _: None)
    report = ImportReport(dry_run=dry_run)
    request = replace(request, targets=tuple(map(_in_full, request.targets)))
    with Reader(kinds, request, limits) as reader:
        try:
            listing = list_all(reader, kinds, tell)
            report.notes += listing.notes
            chosen, notes = choose(listing.items) if choose else (listing.items, [])
            report.notes += notes
            opened = _opened(store, create=not dry_run and not listing.is_empty)
            if dry_run or opened is None:
                preview(listing, chosen, opened, run_map, report)
            else:
                _Import(reader, request, opened, run_map, report, tell).run(listing, chosen)
        except KeyboardInterrupt:
            report.stopped = True
    if not (report.lines or report.items or report.stopped):
        raise _nothing_found(kinds, request, report)
    return report


def _opened(store: Store | Path, *, create: bool) -> Store | None:
    """The store; None where nothing has been made yet and nothing shall be."""
    if isinstance(store, Store):
        return store
    return Store.open(store, create=True) if create else Store.open_if_made(store)


def _nothing_found(kinds: Sequence[SourceKind], request: Request, report: ImportReport) -> ConfigError:
    where = Redactor().clean_text(", ".join(map(repr, request.targets)))
    looked_for = "; ".join(kind.reads for kind in kinds)
    said = "".join(f"; {note}" for note in report.notes)
    return ConfigError(f"nothing to import was found at {where}; looked for: {looked_for}{said}")


class _Import:
    """One import that reads and writes."""

    def __init__(
        self, reader: Reader, request: Request, store: Store, run_map: RunMap, report: ImportReport, tell: OnEvent
    ) -> None:
        self._reader, self._request, self._run_map = reader, request, run_map
        self._store, self._report, self._tell = store, report, tell

    def run(self, listing: Listing, chosen: Sequence[Item]) -> None:
        """Reads what is chosen and not known."""
        self._report.is_incomplete_list = listing.is_broken
        save_names(self._store, self._run_map, {item.kind for item in chosen})
        with Sink(self._store, self._run_map, self._note) as sink:
            for kind, refusal in listing.refusals:
                sink.refuse(kind, refusal, self._scope(kind, listing))
            for kind in sorted(listing.whole):
                self._find_missing(sink, kind, listing)
            digests = {id(item): stored_digest(item, self._run_map) for item in chosen}
            known = {id(item) for item in chosen if sink.lines.is_known(item, digests[id(item)])}
            self._tell({"event": "listed", "n_items": len(chosen), "n_known": len(known)})
            for item in chosen:
                if id(item) in known:
                    self._note(sink.lines.known_line(item))
                else:
                    self._read(sink, item, digests[id(item)], self._scope(item.kind, listing))

    def _read(self, sink: Sink, item: Item, digest: str, scope: str | None) -> None:
        said = {"source": item.label, "kind": item.kind, "n_rows_expected": item.n_rows}
        self._tell({"event": "started", **said})
        work, broken = sink.begin(item, digest, scope), None
        for event in self._reader.read(item):
            if isinstance(event, Reading):
                self._tell({"event": "reading", **said, "n_rows": event.n_rows})
            elif isinstance(event, Run):
                sink.take(work, event.run, event.n_redacted)
            elif isinstance(event, Refused):
                work.refusals.append(event.refusal)
            elif isinstance(event, Broken):
                broken = event.reason
        self._tell({"event": "read", **said})
        sink.end(work, broken)

    def _find_missing(self, sink: Sink, kind: str, listing: Listing) -> None:
        scope = self._scope(kind, listing)
        if scope is not None:
            for row in sink.lines.missing(kind, scope, listing.labels(kind)):
                sink.lose(row)

    def _scope(self, kind: str, listing: Listing) -> str | None:
        """Names the targets of a kind, so that the next import of the same sees what is gone; None where it cannot."""
        if kind not in listing.whole or self._request.options.keys() & _NARROWING:
            return None
        options = {name: value for name, value in self._request.options.items() if name == "base_url"}
        # An address may hold a password; a digest of what is left names it as well.
        place = Redactor().clean_text(json.dumps([sorted(map(_absolute, self._request.targets)), options]))
        return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def _note(self, line: SourceLine) -> None:
        self._report.add(line)
        self._tell({"event": "source", **line.to_json()})


def _in_full(target: str) -> str:
    """A target as the same place is always written: an existing path as an absolute one, `~` as the user's home."""
    try:
        target = str(Path(target).expanduser()) if target.startswith("~") else target
    except RuntimeError:  # no such user
        return target
    # Not Path: a target need not be a path, and links are to keep their names.
    return os.path.abspath(target) if os.path.exists(target) else target  # noqa: PTH100, PTH110


def _absolute(target: str) -> str:
    path = Path(target)
    return str(path.resolve()) if path.exists() else target
