"""The protobuf records of a log, and how many of them are missing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeAlias

from analysis.importers.wandb_log.framing import FrameReader

Record: TypeAlias = Any
"""A `wandb_internal_pb2.Record`, or a message inside it: generated code without types."""


@cache
def _parser() -> tuple[Callable[[bytes], Record], type[Exception]]:
    """`Record.FromString` and what it raises; imported late, since `import wandb` takes a second."""
    protocol = importlib.import_module("wandb.proto.wandb_internal_pb2")
    return protocol.Record.FromString, importlib.import_module("google.protobuf.message").DecodeError


class RecordReader:
    """Iterates once over the records of a log as pairs of kind (`history`, `summary`, `run` ...) and record.

    W&B numbers the records of a file 1, 2, 3 ..., so a gap in the numbers counts what damage took.

    Attributes:
        frames: Where they come from.
        n_records: Records read.
        last_num: Number of the newest record; 0 before the first.
        n_undecodable: Records with a right checksum that are no protobuf of this kind.
        n_unordered: Records whose number is not above the one before; the count of lost ones is unsure then.
    """

    def __init__(self, frames: FrameReader, last_num: int = 0) -> None:
        """`last_num` is that of the reader that came as far as `frames` starts."""
        self.frames = frames
        self.n_records = 0
        self.last_num = last_num
        self.n_undecodable = 0
        self.n_unordered = 0
        self._n_missing = 0

    def __iter__(self) -> Iterator[tuple[str, Record]]:
        parse, decode_error = _parser()
        for payload in self.frames:
            try:
                record = parse(payload)
            except decode_error:
                self.n_undecodable += 1
                continue
            self._count(record.num)
            yield record.WhichOneof("record_type") or "", record

    @property
    def lost_records(self) -> int | None:
        """Records missing between the sound ones, undecodable ones among them; None: they have no numbers."""
        return None if self.n_records and not self.last_num else self._n_missing

    def _count(self, num: int) -> None:
        self.n_records += 1
        if num > self.last_num:
            self._n_missing += num - self.last_num - 1
            self.last_num = num
        elif num:
            self.n_unordered += 1
