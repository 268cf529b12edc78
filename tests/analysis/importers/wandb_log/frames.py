"""Writes and reads log framing the plain way: a second opinion on sound logs, and logs made up of any records."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from wandb.proto import wandb_internal_pb2 as protocol

from analysis.importers.wandb_log.messages import Record

HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32 * 1024
_RECORD: Record = vars(protocol)["Record"]


class PlainRecord(NamedTuple):
    """Kind, the offsets at which it starts and stops, and the record."""

    kind: str
    start: int
    stop: int
    record: Record


def write_log(payloads: Iterable[bytes]) -> bytes:
    """A log of these payloads."""
    log = bytearray(HEADER)
    for payload in payloads:
        rest, first = payload, True
        while True:
            room = BLOCK - len(log) % BLOCK
            if room < 7:
                log += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (1 if not rest else 2) if first else (4 if not rest else 3)
            log += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
            if not rest:
                break
    return bytes(log)


def numbered(records: Iterable[Record]) -> list[bytes]:
    """The records as payloads, numbered as the client does."""
    payloads = []
    for num, record in enumerate(records, start=1):
        record.num = num
        payloads.append(record.SerializeToString())
    return payloads


def read_sound_log(log: bytes) -> list[PlainRecord]:
    """The records of a log without damage; a cut at its end is left out."""
    assert log[:7] == HEADER
    records, position, start, joined = [], 7, 7, b""
    while position + 7 <= len(log):
        room = BLOCK - position % BLOCK
        if room < 7:
            position += room
            continue
        crc, length, kind = struct.unpack_from("<IHB", log, position)
        stop = position + 7 + length
        if stop > len(log):
            break
        assert zlib.crc32(log[position + 6 : stop]) == crc
        if kind in (1, 2):
            start = position
        joined += log[position + 7 : stop]
        position = stop
        if kind in (1, 4):
            record = _RECORD.FromString(joined)
            records.append(PlainRecord(record.WhichOneof("record_type"), start, stop, record))
            joined = b""
    return records


def new_record(**fields: object) -> Record:
    """A `Record` with these fields."""
    return _RECORD(**fields)


def run_record(**fields: object) -> Record:
    """A `run` record of run `r` in project `p`, with more fields of the run."""
    return new_record(run={"run_id": "r", "project": "p", **fields})


def history_record(step: int, **values: str) -> Record:
    """A row with JSON texts as its values."""
    items = [{"nested_key": [key], "value_json": text} for key, text in values.items()]
    return new_record(history={"item": items, "step": {"num": step}})


def exit_record(code: int = 0) -> Record:
    """An exit that the client asked for."""
    return new_record(exit={"exit_code": code}, control={"mailbox_slot": "m"})
