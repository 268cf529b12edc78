from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.importers.wandb_log.framing import FrameReader, Gap, Tail, read_header
from tests.analysis.importers.wandb_log.frames import BLOCK, HEADER, write_log

payloads = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.integers(0, 255).map(lambda octet: bytes([octet]) * 9_000),
        st.integers(BLOCK - 30, 2 * BLOCK + 30).map(lambda size: bytes(range(256)) * (size // 256) + bytes(size % 256)),
    ),
    min_size=1,
    max_size=12,
)


def read_all(log: bytes, start: int = len(HEADER)) -> tuple[list[bytes], FrameReader]:
    reader = FrameReader(io.BytesIO(log), start)
    return list(reader), reader


def tail_of(reader: FrameReader) -> Tail:
    assert reader.tail is not None
    return reader.tail


@given(payloads)
def test_what_is_written_is_read(written: list[bytes]) -> None:
    log = write_log(written)
    read, reader = read_all(log)
    assert read == written
    assert reader.gaps == []
    assert tail_of(reader).kind == "clean"
    assert reader.end == len(log)


@given(payloads, st.data())
def test_a_cut_log_gives_its_first_records_and_goes_on_where_they_end(
    written: list[bytes], data: st.DataObject
) -> None:
    log = write_log(written)
    cut = data.draw(st.integers(len(HEADER), len(log)))
    first, reader = read_all(log[:cut])
    assert first == written[: len(first)]
    assert reader.gaps == []
    assert tail_of(reader).kind in ("clean", "cut", "zeros")
    rest, after = read_all(log, reader.end)
    assert first + rest == written
    assert after.gaps == []
    assert after.end == len(log)


@given(payloads, st.data())
def test_one_changed_byte_costs_at_most_the_record_it_is_in(written: list[bytes], data: st.DataObject) -> None:
    log = bytearray(write_log(written))
    where = data.draw(st.integers(len(HEADER), len(log) - 1))
    log[where] ^= data.draw(st.integers(1, 255))
    read, reader = read_all(bytes(log))
    left = list(written)
    for payload in read:
        left.remove(payload)
    assert len(left) <= 1
    if left:
        tail = tail_of(reader)
        damaged = [*((gap.start, gap.stop) for gap in reader.gaps), (tail.start, tail.start + tail.n_bytes)]
        assert any(start <= where < stop for start, stop in damaged)


@given(payloads, st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=300)), max_size=4))
@settings(max_examples=60)
def test_no_damage_makes_up_a_record(written: list[bytes], damages: list[tuple[int, bytes]]) -> None:
    log = bytearray(write_log(written))
    for where, noise in damages:
        start = len(HEADER) + where % len(log)
        log[start : start + len(noise)] = noise[: max(0, len(log) - start)]
    read, reader = read_all(bytes(log))
    remaining = iter(written)
    assert all(payload in remaining for payload in read), "the records read are not a part of the written, in order"
    edges = [edge for gap in reader.gaps for edge in (gap.start, gap.stop)]
    assert edges == sorted(set(edges)), "gaps overlap or touch"
    assert tail_of(reader).start + tail_of(reader).n_bytes == len(log)


@given(st.binary(max_size=2_000))
def test_noise_behind_a_header_ends_without_a_record(noise: bytes) -> None:
    read, reader = read_all(HEADER + noise)
    assert len(b"".join(read)) <= len(noise)
    assert tail_of(reader).start + tail_of(reader).n_bytes == len(HEADER + noise)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", "empty"),
        (b":W&B\xe1", "cut"),
        (b"12345", "foreign"),
        (b"PK\x03\x04 a zip file", "foreign"),
        (HEADER[:-1] + b"\x09" + b"rest", "version"),
        (HEADER, "only"),
        (HEADER + b"x", "sound"),
    ],
)
def test_each_header_is_an_outcome_of_its_own(head: bytes, expected: str) -> None:
    assert read_header(io.BytesIO(head)) == expected


LOG = write_log([b"a" * 100, b"b" * 200, b"c" * 50])


@pytest.mark.parametrize(
    ("log", "kind", "n_bytes"),
    [
        (LOG, "clean", 0),
        (LOG[:-1], "cut", 56),
        (LOG[:-52], "cut", 5),
        (LOG + bytes(3), "zeros", 3),
        (LOG + bytes(100_000), "zeros", 100_000),
        (LOG + b"\xff" * 100_000, "garbage", 100_000),
        (write_log([b"a" * 2 * BLOCK])[:BLOCK], "cut", BLOCK - 7),
        (write_log([b"a" * 2 * BLOCK])[:BLOCK] + bytes(BLOCK), "cut", 2 * BLOCK - 7),
    ],
)
def test_the_tail_is_named(log: bytes, kind: str, n_bytes: int) -> None:
    _, reader = read_all(log)
    tail = tail_of(reader)
    assert (tail.kind, tail.n_bytes) == (kind, n_bytes)
    assert tail.start == len(log) - n_bytes
    assert reader.gaps == []


def test_a_wrong_length_costs_one_record() -> None:
    log = bytearray(LOG)
    log[7 + 4] ^= 0x55
    read, reader = read_all(bytes(log))
    assert read == [b"b" * 200, b"c" * 50]
    assert reader.gaps == [Gap(7, 7 + 107)]


def test_a_record_that_never_ends_is_damage_once_another_begins() -> None:
    never_ends = write_log([b"x" * 2 * BLOCK])[:BLOCK]
    begins_at_the_edge = write_log([b"z" * (BLOCK - 14), b"whole"])[BLOCK:]
    read, reader = read_all(never_ends + begins_at_the_edge)
    assert read == [b"whole"]
    assert reader.gaps == [Gap(7, BLOCK)]


def test_a_last_record_damaged_and_cut_is_one_tail() -> None:
    log = bytearray(write_log([b"a", b"b" * 3 * BLOCK])[:-9])
    log[20] ^= 1
    read, reader = read_all(bytes(log))
    assert read == [b"a"]
    assert reader.gaps == []
    assert tail_of(reader) == Tail("cut", 15, len(log) - 15)


def test_bytes_that_look_like_a_chunk_inside_a_damaged_record_are_no_record() -> None:
    inner = write_log([b"a log inside a log"])[7:]
    log = bytearray(write_log([b"before", b"#" + inner + b"#", b"after"]))
    log[7 + 13 + 7] ^= 1
    assert read_all(bytes(log))[0] == [b"before", b"after"]


def test_a_record_longer_than_allowed_is_damage_not_memory() -> None:
    log = write_log([b"a", b"b" * 3 * BLOCK, b"c"])
    reader = FrameReader(io.BytesIO(log), max_record_bytes=2 * BLOCK)
    assert list(reader) == [b"a", b"c"]
    assert reader.gaps == [Gap(7 + 8, len(log) - 8)]


class _Counted(io.BytesIO):
    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.largest = max(self.largest, len(piece))
        return piece


def test_no_more_than_a_block_is_read_at_a_time() -> None:
    file: BinaryIO = _Counted(write_log([b"x" * 500] * 2_000))
    assert sum(1 for _ in FrameReader(file)) == 2_000
    assert isinstance(file, _Counted)
    assert file.largest == BLOCK
