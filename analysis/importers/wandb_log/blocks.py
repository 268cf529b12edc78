"""The chunks of one 32 KiB block: their checksums, and where reading goes on behind a damaged one.

The format is that of LevelDB's log (Ghemawat and Dean, LevelDB `doc/log_format.md`): each chunk is crc32 (4 bytes),
length (2 bytes), kind (1 byte), payload, and none crosses a block's edge. W&B takes zlib's plain crc32 over kind and
payload where LevelDB takes a masked crc32c.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final, TypeAlias

import numpy as np

BLOCK_BYTES: Final = 32 * 1024
CHUNK_HEADER_BYTES: Final = 7
FULL: Final = 1
FIRST: Final = 2
MIDDLE: Final = 3
LAST: Final = 4

_CHUNK_HEADER: Final = Struct("<IHB")
_KIND_OFFSET: Final = 6


Chunk: TypeAlias = tuple[int, bytes, int, int]
"""A sound chunk: `FULL`, `FIRST`, `MIDDLE` or `LAST`; its payload; start and stop inside the block. A plain tuple: a
log of 100,000 rows has 300,000 of them."""


def sound_chunks(block: bytes, start: int = 0) -> Iterator[Chunk]:
    """Yields the chunks from `start` on whose checksum is right; what lies between two of them is damaged."""
    position: int | None = start
    while position is not None and len(block) - position >= CHUNK_HEADER_BYTES:
        stop = _sound_stop(block, position)
        if stop:
            yield block[position + _KIND_OFFSET], block[position + CHUNK_HEADER_BYTES : stop], position, stop
            position = stop
        else:
            position = _next_sound(block, position)


def may_be_cut(rest: bytes, room: int) -> bool:
    """Whether `rest`, the end of a file, looks like a cut chunk that fits into the `room` left in its block."""
    if len(rest) < CHUNK_HEADER_BYTES:
        return True
    _, length, kind = _CHUNK_HEADER.unpack_from(rest)
    return bool(FULL <= kind <= LAST and len(rest) < CHUNK_HEADER_BYTES + length <= room)


def _sound_stop(block: bytes, start: int) -> int:
    """Where the chunk at `start` stops, or 0 where none is or its checksum is wrong."""
    if start + CHUNK_HEADER_BYTES > len(block):
        return 0
    crc, length, kind = _CHUNK_HEADER.unpack_from(block, start)
    stop: int = start + CHUNK_HEADER_BYTES + length
    if not FULL <= kind <= LAST or stop > len(block):
        return 0
    return stop if zlib.crc32(memoryview(block)[start + _KIND_OFFSET : stop]) == crc else 0


def _next_sound(block: bytes, damaged: int) -> int | None:
    """Start of the first sound chunk behind a damaged one.

    The damaged chunk's own length comes first: mostly it is right, and a payload may hold bytes that look like a chunk.
    """
    _, length, _ = _CHUNK_HEADER.unpack_from(block, damaged)
    behind: int = damaged + CHUNK_HEADER_BYTES + length
    if _sound_stop(block, behind):
        return behind
    return next((start for start in _plausible_starts(block, damaged + 1) if _sound_stop(block, start)), None)


def _plausible_starts(block: bytes, start: int) -> list[int]:
    """Offsets from `start` on with a known kind and a length that fits: the few whose checksum is worth computing."""
    octets = np.frombuffer(block, dtype=np.uint8)[start:].astype(np.int64)
    kinds = octets[_KIND_OFFSET:]
    lengths = octets[4 : 4 + len(kinds)] | octets[5 : 5 + len(kinds)] << 8
    stops = np.arange(len(kinds)) + start + CHUNK_HEADER_BYTES + lengths
    starts: list[int] = (np.flatnonzero((kinds >= FULL) & (kinds <= LAST) & (stops <= len(block))) + start).tolist()
    return starts
