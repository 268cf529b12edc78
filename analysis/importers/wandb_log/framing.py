"""The records of a `.wandb` file as bytes, whatever happened to the file: nothing is trusted without its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from analysis.importers.wandb_log.blocks import (
    BLOCK_BYTES,
    CHUNK_HEADER_BYTES,
    FIRST,
    FULL,
    LAST,
    may_be_cut,
    sound_chunks,
)

Header = Literal["sound", "only", "empty", "cut", "foreign", "version"]
"""`only`: sound, and nothing behind it; `empty`: no byte; `cut`: just its first bytes; `version`: not version 0."""
TailKind = Literal["clean", "cut", "zeros", "garbage"]

HEADER_BYTES: Final = 7
MAX_RECORD_BYTES: Final = 128 * 1024 * 1024
"""Our choice: a crafted file must not fill the memory with a record that never ends."""

_MAGIC: Final = b":W&B\xe1\xbe"
_VERSION: Final = b"\x00"
_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes between two sound records that are part of neither: damage."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the last whole record, `n_bytes` long.

    `clean`: nothing; `cut`: a record that breaks off; `zeros`: padding; `garbage`: bytes that are no part of a log.
    """

    kind: TailKind
    start: int
    n_bytes: int


def read_header(file: BinaryIO) -> Header:
    """Says what the first bytes of a file are."""
    file.seek(0)
    head = file.read(HEADER_BYTES + 1)
    if not head:
        return "empty"
    if head[: len(_MAGIC)] != _MAGIC[: len(head)]:
        return "foreign"
    if len(head) < HEADER_BYTES:
        return "cut"
    if head[len(_MAGIC) : HEADER_BYTES] != _VERSION:
        return "version"
    return "only" if len(head) == HEADER_BYTES else "sound"


class FrameReader:
    """Iterates once over the whole, sound records of a log, one 32 KiB block in memory at a time.

    Attributes:
        end: Offset behind the newest whole record: reading can go on there when the file has grown.
        gaps: Damaged stretches so far, in order, none touching another.
        tail: What follows the last record; None until the iteration is over.
    """

    def __init__(self, file: BinaryIO, start: int = HEADER_BYTES, *, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        """`start` is the header's length, or the `end` of an earlier reader of the same file."""
        self.end = start
        self.gaps: list[Gap] = []
        self.tail: Tail | None = None
        self._file = file
        self._max_record_bytes = max_record_bytes
        self._next = start
        self._parts: list[bytes] = []
        self._parts_start = start
        self._parts_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        base = self.end - self.end % BLOCK_BYTES
        first = self.end - base
        self._file.seek(base)
        while block := self._file.read(BLOCK_BYTES):
            for chunk in sound_chunks(block, first):
                record = self._take(base, *chunk)
                if record is not None:
                    yield record
            self._skip_trailer(base, len(block))
            base += len(block)
            first = 0
            if len(block) < BLOCK_BYTES:
                break
        self.tail = self._find_tail(base)

    def _take(self, base: int, kind: int, payload: bytes, start: int, stop: int) -> bytes | None:
        """Adds a chunk, with its edges in the block at `base`; returns the record that it completes."""
        start, stop = base + start, base + stop
        if start != self._next:
            self._note_gap(self._next, start)
        self._next = stop
        if kind == FULL and not self._parts:
            self.end = stop
            return payload
        return self._join(kind, payload, start, stop)

    def _join(self, kind: int, payload: bytes, start: int, stop: int) -> bytes | None:
        """Adds a chunk of a record that lies in several."""
        begins = kind in (FULL, FIRST)
        if begins and self._parts:
            self._note_gap(self._parts_start, start)
        if not begins and not self._parts:
            self._note_gap(start, stop)
            return None
        if begins:
            self._parts_start, self._parts_bytes = start, 0
        self._parts.append(payload)
        self._parts_bytes += len(payload)
        if self._parts_bytes > self._max_record_bytes:
            self._note_gap(self._parts_start, stop)
            return None
        return self._completed(stop) if kind in (FULL, LAST) else None

    def _completed(self, stop: int) -> bytes:
        record = b"".join(self._parts)
        self._parts = []
        self.end = stop
        return record

    def _note_gap(self, start: int, stop: int) -> None:
        """Notes damage; a record that was being put together is lost with it."""
        if self._parts:
            start = min(start, self._parts_start)
            self._parts = []
        if self.gaps and self.gaps[-1].stop >= start:
            start = self.gaps.pop().start
        self.gaps.append(Gap(start, stop))

    def _skip_trailer(self, base: int, length: int) -> None:
        """The last bytes of a block, too few for a chunk, are padding."""
        stop = base + length
        if self._next >= base and BLOCK_BYTES - self._next % BLOCK_BYTES < CHUNK_HEADER_BYTES:
            self._next = stop

    def _find_tail(self, size: int) -> Tail:
        rest = max(0, size - self._next)
        start = self._parts_start if self._parts else self._next
        if not rest:
            return Tail("cut" if self._parts else "clean", start, size - start)
        if not self._parts and self.gaps and self.gaps[-1].stop == start:
            start = self.gaps.pop().start
        return Tail(self._kind_of_rest(size), start, size - start)

    def _kind_of_rest(self, size: int) -> TailKind:
        if not self._has_content(self._next, size):
            return "cut" if self._parts else "zeros"
        self._file.seek(self._next)
        room = BLOCK_BYTES - self._next % BLOCK_BYTES
        # One byte more than the block holds: what goes on behind it was not cut off inside it.
        return "cut" if may_be_cut(self._file.read(min(room + 1, size - self._next)), room) else "garbage"

    def _has_content(self, start: int, stop: int) -> bool:
        """Whether any byte is not zero."""
        self._file.seek(start)
        while start < stop and (piece := self._file.read(min(_PIECE_BYTES, stop - start))):
            if piece.count(0) != len(piece):
                return True
            start += len(piece)
        return False
