"""The records of a TFRecord file as bytes; nothing is trusted without its checksum.

A record is its length (uint64, little endian), the masked CRC-32C of these 8 bytes, the payload, and its masked
CRC-32C. TensorBoard ends a file at the first wrong checksum; here reading goes on behind the damage.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

import numpy as np

from analysis.importers.tensorboard.crc32c import masked_crc32c, masked_crcs_of_windows

MAX_RECORD_BYTES: Final = 1024 * 1024 * 1024
"""Our choice: a crafted length must not fill the memory."""

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")
_LENGTH_BYTES: Final = 8
_WINDOW_BYTES: Final = 1024 * 1024


class RecordReader:
    """Iterates once over the sound records of a file.

    Attributes:
        n_damaged: Records whose payload does not fit its checksum.
        n_skipped_bytes: Bytes that belong to no record.
        cut_bytes: Bytes of a record at the end that breaks off.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """`size` is how far to read: a file that grows meanwhile is read up to there."""
        self.n_damaged = 0
        self.n_skipped_bytes = 0
        self.cut_bytes = 0
        self._file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        self._file.seek(0)
        while start < self._size:
            length = self._length_at(start)
            if length is None:
                start = self._resume(start)
            elif start + _HEADER.size + length + _FOOTER.size > self._size:
                self.cut_bytes = self._size - start
                return
            else:
                payload = self._file.read(length)
                if self._file.read(_FOOTER.size) == _FOOTER.pack(masked_crc32c(payload)):
                    yield payload
                else:
                    self.n_damaged += 1
                start += _HEADER.size + length + _FOOTER.size

    def _length_at(self, start: int) -> int | None:
        """Length of the record that begins here; None where none does. A header that breaks off is as long as any."""
        header = self._file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return self._size - start
        length, crc = _HEADER.unpack(header)
        if crc != masked_crc32c(header[:_LENGTH_BYTES]) or length > MAX_RECORD_BYTES:
            return None
        return int(length)

    def _resume(self, start: int) -> int:
        """Where the next record begins behind damage; skips to it."""
        found = self._next_header(start + 1)
        self.n_skipped_bytes += found - start
        self._file.seek(found)
        return found

    def _next_header(self, start: int) -> int:
        while start + _HEADER.size <= self._size:
            self._file.seek(start)
            window = self._file.read(_WINDOW_BYTES)
            if len(window) < _HEADER.size:
                break
            crcs = masked_crcs_of_windows(window[: -_FOOTER.size], _LENGTH_BYTES)
            stored = np.ndarray((len(crcs),), "<u4", window, _LENGTH_BYTES, (1,))
            for offset in np.flatnonzero(crcs == stored).tolist():
                (length,) = struct.unpack_from("<Q", window, offset)
                if start + offset + _HEADER.size + length + _FOOTER.size <= self._size:
                    return int(start + offset)
            start += len(window) - _HEADER.size + 1
        return self._size
