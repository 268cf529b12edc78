"""One event file: its numbers, short texts and hyperparameters, and the count of everything else."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.importers.tensorboard.messages import Message, decode_error, parse_event, parse_hparams
from analysis.importers.tensorboard.records import RecordReader
from analysis.importers.tensorboard.tensors import number_in, text_in

_START: Final = 1
_HPARAMS: Final = "hparams"
_SCALARS: Final = frozenset({"scalars", ""})
_STATUSES: Final = {1: "finished", 2: "failed", 3: "running"}
_EVERY: Final = 10_000
_SETTINGS: Final = {"args/text_summary": "args", "model_config/text_summary": "model_config"}
"""Texts in which Hugging Face Trainer logs its settings, as JSON."""


@dataclass(slots=True)
class EventFile:
    """What one file says.

    Attributes:
        path: The file.
        tags: Tags of numbers, in order of appearance; `keys` are places in it.
        keys: Of each number, in the order of the file: its tag,
        steps: its step,
        walls: its time in seconds since 1970,
        values: and itself.
        texts: Step, tag and text of short texts.
        settings: Settings of Trainer and of its model, by name.
        whole: Step, tag and value of integers that a double cannot hold.
        hparams: Hyperparameters as the HParams plugin keeps them; None where the file has none.
        group: Their group.
        status: How the session ended, as the plugin says; None where it says nothing.
        ended_at: When, in seconds since 1970.
        restart_step: Step from which on a restarted process declares what was before void.
        began_at: Time of the first event, in seconds since 1970.
        unread: Kind -> count of values that are neither number nor short text.
        n_damaged: Records that are not readable.
        n_skipped_bytes: Bytes that belong to no record.
        cut_bytes: Bytes of a last record that breaks off.
    """

    path: Path
    tags: list[str] = field(default_factory=list)
    keys: array[int] = field(default_factory=lambda: array("i"))
    steps: array[int] = field(default_factory=lambda: array("q"))
    walls: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    texts: list[tuple[int, str, str]] = field(default_factory=list)
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    whole: list[tuple[int, str, int]] = field(default_factory=list)
    hparams: dict[str, object] | None = None
    group: str | None = None
    status: str | None = None
    ended_at: float | None = None
    restart_step: int | None = None
    began_at: float | None = None
    unread: Counter[str] = field(default_factory=Counter)
    n_damaged: int = 0
    n_skipped_bytes: int = 0
    cut_bytes: int = 0
    _plugins: dict[str, str] = field(default_factory=dict)
    _by_tag: dict[str, int] = field(default_factory=dict)

    @property
    def has_values(self) -> bool:
        """Whether anything was logged."""
        return bool(self.values or self.texts or self.settings or self.unread)

    def take(self, event: Message) -> None:
        """Takes the next event."""
        if self.began_at is None and math.isfinite(event.wall_time):
            self.began_at = event.wall_time
        if event.session_log.status == _START:
            self.restart_step = event.step
        for value in event.summary.value:
            self._take_value(event.step, event.wall_time, value)

    def _take_value(self, step: int, wall: float, value: Message) -> None:
        tag = value.tag or value.node_name
        plugin = value.metadata.plugin_data
        if plugin.plugin_name == _HPARAMS:
            self._take_hparams(plugin.content)
            return
        # The writer names the plugin at a tag's first value only.
        name = self._plugins.setdefault(tag, plugin.plugin_name)
        form = value.WhichOneof("alternatives")
        number = value.simple_value if form == "simple_value" else None
        if form == "tensor" and name in _SCALARS:
            number = number_in(value.tensor)
        text = text_in(value.tensor) if form == "tensor" and number is None else None
        if number is not None:
            self._add(step, wall, tag, number)
        elif text is not None:
            self._take_text(step, tag, text)
        else:
            self.unread[name or form or "empty value"] += 1

    def _add(self, step: int, wall: float, tag: str, number: float) -> None:
        if tag not in self._by_tag:
            self._by_tag[tag] = len(self.tags)
            self.tags.append(tag)
        self.keys.append(self._by_tag[tag])
        self.steps.append(step)
        self.walls.append(wall)
        self.values.append(number)
        if isinstance(number, int) and int(float(number)) != number:
            self.whole.append((step, tag, number))

    def _take_text(self, step: int, tag: str, text: str) -> None:
        settings = _json_object(text) if tag in _SETTINGS else None
        if settings is None:
            self.texts.append((step, tag, text))
        else:
            self.settings[_SETTINGS[tag]] = settings

    def _take_hparams(self, content: bytes) -> None:
        try:
            said = parse_hparams()(content)
        except decode_error():
            self.n_damaged += 1
            return
        if said.HasField("session_start_info"):
            start = said.session_start_info
            self.hparams = {entry.key: _plain(entry.value) for entry in start.hparams}
            self.group = start.group_name or None
        if said.HasField("session_end_info"):
            self.status = _STATUSES.get(said.session_end_info.status)
            self.ended_at = said.session_end_info.end_time_secs or None


def read_event_file(path: Path, on_events: Callable[[int], None] = lambda _: None) -> EventFile:
    """Everything that is read of a file; `on_events` is told now and then how many events that were.

    Raises:
        OSError: it cannot be read.
    """
    found = EventFile(path)
    parse, broken = parse_event(), decode_error()
    with path.open("rb") as file:
        reader = RecordReader(file, os.fstat(file.fileno()).st_size)
        for number, record in enumerate(reader, start=1):
            try:
                found.take(parse(record))
            except broken:
                found.n_damaged += 1
            if number % _EVERY == 0:
                on_events(number)
    found.n_damaged += reader.n_damaged
    found.n_skipped_bytes, found.cut_bytes = reader.n_skipped_bytes, reader.cut_bytes
    return found


def _json_object(text: str) -> dict[str, object] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _plain(value: Message) -> object:
    form = value.WhichOneof("alternatives")
    if form in ("number_value", "string_value", "bool_value"):
        plain: object = getattr(value, form)
        return plain
    if form == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None
