"""The checksum of TFRecord files: CRC-32C (Castagnoli), masked. Python's zlib only has the other polynomial.

Source: RFC 3720, appendix B.4 (polynomial and check values); TensorFlow, `core/lib/hash/crc32c.h` (the mask).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_POLYNOMIAL: Final = 0x82F63B78
_ALL_ONES: Final = 0xFFFFFFFF
_MASK: Final = 0xA282EAD8
_LANE_BYTES: Final = 512
_LONG_BYTES: Final = 4 * _LANE_BYTES
"""From here on numpy is faster than a loop over bytes."""

Words = npt.NDArray[np.uint32]


def masked_crc32c(content: bytes) -> int:
    """The checksum as TFRecord files store it.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = crc32c(content)
    return (((crc >> 15) | (crc << 17)) + _MASK) & _ALL_ONES


def crc32c(content: bytes) -> int:
    """The plain checksum."""
    crc = _ALL_ONES
    if len(content) >= _LONG_BYTES:
        n_lanes = len(content) // _LANE_BYTES
        crc = _crc_of_lanes(content[: n_lanes * _LANE_BYTES], crc)
        content = content[n_lanes * _LANE_BYTES :]
    table = _LIST
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ _ALL_ONES


def masked_crcs_of_windows(content: bytes, width: int) -> Words:
    """Masked checksum of the `width` bytes at each offset, shape (len(content) - width + 1,)."""
    octets = np.frombuffer(content, np.uint8)
    n_windows = len(octets) - width + 1
    crc = np.full(max(0, n_windows), _ALL_ONES, np.uint32)
    for index in range(width if n_windows > 0 else 0):
        crc = _TABLE[(crc ^ octets[index : index + n_windows]) & 0xFF] ^ (crc >> np.uint32(8))
    crc ^= np.uint32(_ALL_ONES)
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK)


def _crc_of_lanes(content: bytes, crc: int) -> int:
    """State after whole lanes: all lanes at once from state 0, then joined, for the checksum is linear."""
    lanes = np.frombuffer(content, np.uint8).reshape(-1, _LANE_BYTES).T
    states = np.zeros(lanes.shape[1], np.uint32)
    for octets in lanes:
        states = _TABLE[(states ^ octets) & 0xFF] ^ (states >> np.uint32(8))
    first, second, third, fourth = _SHIFT
    for state in states.tolist():
        crc = first[crc & 0xFF] ^ second[(crc >> 8) & 0xFF] ^ third[(crc >> 16) & 0xFF] ^ fourth[crc >> 24] ^ state
    return crc


def _byte_table() -> Words:
    states = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        states = np.where(states & 1, (states >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), states >> np.uint32(1))
    return states.astype(np.uint32)


def _shift_tables() -> list[list[int]]:
    """For each byte of a state: what a lane of zeros makes of it."""
    tables = []
    for place in range(4):
        states = np.arange(256, dtype=np.uint32) << np.uint32(8 * place)
        for _ in range(_LANE_BYTES):
            states = _TABLE[states & 0xFF] ^ (states >> np.uint32(8))
        tables.append([int(state) for state in states])
    return tables


_TABLE: Final = _byte_table()
_LIST: Final = [int(state) for state in _TABLE]
_SHIFT: Final = _shift_tables()
