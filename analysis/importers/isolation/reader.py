"""Sources, read apart: what hangs or crashes costs one item, and the next one gets a new process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import TracebackType

from analysis.errors import ConfigError
from analysis.importers.isolation.events import (
    Broken,
    Done,
    Event,
    Found,
    Reading,
    Refused,
    Run,
    Skipped,
    Started,
    item_from_json,
    item_to_json,
    refusal_from_json,
)
from analysis.importers.isolation.limits import Limits
from analysis.importers.isolation.parcel import read_parcel
from analysis.importers.isolation.parcel_fields import ParcelError
from analysis.importers.isolation.process import ProcessEnded, ReadingProcess
from analysis.importers.registry import SourceKind
from analysis.importers.source import Item, Request


class Reader:
    """A context manager: leaving it, in whatever way, ends the reading process and all that it started."""

    def __init__(self, kinds: Iterable[SourceKind], request: Request, limits: Limits | None = None) -> None:
        self._modules = {kind.name: kind.module for kind in kinds}
        self._request = request
        self._limits = limits or Limits()
        self._process: ReadingProcess | None = None
        self._n_breaks = 0

    def find(self, kind: str) -> Iterator[Found | Refused | Broken]:
        """What there is of a kind: `Found` and `Refused`; a last `Broken` says that the list is not whole.

        Raises:
            ConfigError: what was asked for is wrong, such as a path that does not exist.
        """
        for event in self._events({"do": "find", "module": self._modules[kind]}, None):
            if isinstance(event, Found):
                yield Found(replace(event.item, kind=kind))
            elif isinstance(event, Refused | Broken):
                yield event

    def read(self, item: Item) -> Iterator[Event]:
        """Reads one item: `Started`, then `Reading`, `Run` and `Refused`, at the end `Done` or `Broken`."""
        yield Started(item)
        if self._n_breaks >= self._limits.most_breaks:
            yield Broken(item, f"not tried: reading broke over {self._n_breaks} things in a row before it")
            return
        try:
            command: dict[str, object] = {"do": "read", "module": self._modules[item.kind], "item": item_to_json(item)}
            for event in self._events(command, item):
                yield event
                self._n_breaks = 0 if isinstance(event, Done) else self._n_breaks + isinstance(event, Broken)
        except ConfigError as problem:  # the place is not as it was when it was found
            yield Broken(item, str(problem))

    def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _events(self, command: dict[str, object], item: Item | None) -> Iterator[Event]:
        try:
            if self._process is None:
                self._process = ReadingProcess(self._request, self._limits)
            self._process.send(command)
            while True:
                event = _understood(self._process, item)
                yield event
                if isinstance(event, Done | Broken):
                    return
        except (ProcessEnded, ParcelError, KeyError, TypeError, ValueError) as problem:
            if isinstance(problem, ConfigError):
                raise
            self.close()
            yield Broken(item, _reason(problem))


def read_apart(
    kind: SourceKind, request: Request, is_known: Callable[[Item], bool], limits: Limits | None = None
) -> Iterator[Event]:
    """Everything of one kind: first what there is, then each item in turn; known ones are not read.

    Raises:
        ConfigError: as `Reader.find`.
    """
    with Reader([kind], request, limits) as reader:
        items = []
        for event in reader.find(kind.name):
            yield event
            items += [event.item] if isinstance(event, Found) else []
        for item in items:
            if is_known(item):
                yield Skipped(item)
            else:
                yield from reader.read(item)


def _understood(process: ReadingProcess, item: Item | None) -> Event:
    content = process.receive()
    name = content.get("event")
    if name == "wrong":
        raise ConfigError(str(content.get("reason")))
    if name == "found":
        return Found(item_from_json(_part(content, "item")))
    if name == "refused":
        return Refused(refusal_from_json(_part(content, "refusal")), item)
    if name == "broken":
        return Broken(item, str(content.get("reason")))
    return _of_item(process, item, content)


def _of_item(process: ReadingProcess, item: Item | None, content: dict[str, object]) -> Event:
    """Events that belong to an item; the end of looking for items is `Done` of nothing."""
    name, n_rows, parcel, n_redacted = (content.get(key) for key in ("event", "n_rows", "parcel", "n_redacted"))
    if name == "done":
        return Done(item if item is not None else _NOTHING)
    if item is not None and name == "reading" and isinstance(n_rows, int):
        return Reading(item, n_rows)
    if item is not None and name == "run" and isinstance(parcel, int) and isinstance(n_redacted, int):
        return Run(item, read_parcel(process.parcels, parcel), n_redacted)
    raise ValueError(f"an event {name!r} out of place")


_NOTHING = Item(kind="", label="", digest="", locator={})


def _part(content: dict[str, object], name: str) -> dict[str, object]:
    part = content[name]
    if not isinstance(part, dict):
        raise TypeError(f"an event whose {name} is no object")
    return part


def _reason(problem: Exception) -> str:
    if isinstance(problem, ProcessEnded):
        return str(problem)
    return f"the reading process handed over something that does not fit: {problem}"
