"""Builds event files of any content."""

from __future__ import annotations

import struct
from typing import Any

from analysis.importers.tensorboard.crc32c import masked_crc32c
from analysis.importers.tensorboard.messages import parse_event


def event(**fields: object) -> Any:  # noqa: ANN401 (generated code without types)
    """An `Event` message."""
    message: Any = parse_event().__self__  # type: ignore[attr-defined]
    return message(**fields)


def scalar(step: int, tag: str, value: float, wall_time: float = 1000.0) -> bytes:
    """The record of one number."""
    return record(event(step=step, wall_time=wall_time, summary={"value": [{"tag": tag, "simple_value": value}]}))


def record(message: Any) -> bytes:  # noqa: ANN401
    """A framed message."""
    return frame(message.SerializeToString())


def frame(payload: bytes) -> bytes:
    """A framed payload."""
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + struct.pack("<I", masked_crc32c(payload))


def version(wall_time: float = 1000.0) -> bytes:
    """The first record of every file."""
    return record(event(wall_time=wall_time, file_version="brain.Event:2"))
