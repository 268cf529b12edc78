"""Logs stay small, keep their beginning and their end, and hold no secret and nothing that acts on a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.importers.redaction import Redactor
from runner.worker.environment import redactor_of
from runner.worker.log import CappedLog, LineCleaner, LogPump, OutputPump

TOKEN = "hf_" + "Zq8" * 12


def test_log_keeps_beginning_and_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    log = CappedLog(path, most_bytes=10_000)
    for number in range(5_000):
        log.write(f"line {number}")
        assert path.stat().st_size <= 10_000 + 100
    lines = path.read_text().splitlines()
    marks = [line for line in lines if line.endswith("bytes left out ...]")]
    numbers = [int(line.removeprefix("line ")) for line in lines if line not in marks]
    assert len(marks) == 1
    assert numbers[0] == 0
    assert numbers[-1] == 4_999
    assert numbers == sorted(numbers)
    assert len(numbers) < 1_500


def test_log_that_cannot_be_written_loses_lines_and_says_so(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "gone" / "log.txt")
    log.write("nobody reads this")
    (tmp_path / "gone").mkdir()
    log.write("this is there")
    assert (tmp_path / "gone" / "log.txt").read_text() == "[... 18 bytes could not be written ...]\nthis is there\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"\x1b[31mtoken: {TOKEN}\x1b[0m", "token: [redacted]"),
        (f"\x1b[31m{TOKEN}", "[redacted]"),
        ("a\x07b\x1b]0;title\x07", r"a\x07b\x1b]0;title\x07"),
        ("\u202eright to left", r"\u202eright to left"),
        ("column\tcolumn", "column  column"),
        ("plain", "plain"),
    ],
)
def test_lines_are_harmless(line: str, shown: str) -> None:
    assert LineCleaner(Redactor()).clean(line.encode()) == shown


def test_bytes_that_are_no_text_are_shown() -> None:
    assert LineCleaner(Redactor()).clean(b"caf\xe9") == r"caf\xe9"


def test_private_key_over_many_lines_is_hidden() -> None:
    cleaner = LineCleaner(Redactor())
    lines = [
        b"before",
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"MIIEpAIBAAKCAQEA",
        b"-----END RSA PRIVATE KEY-----",
        b"after",
    ]
    assert [cleaner.clean(line) for line in lines] == ["before", "[redacted]", "[redacted]", "[redacted]", "after"]


def test_secrets_of_the_worker_are_taken_out_and_folders_are_not() -> None:
    redactor = redactor_of({"MY_SERVICE_TOKEN": "correct-horse-9-battery", "PWD": "/home/someone/project"})
    shown = LineCleaner(redactor).clean(b"sent correct-horse-9-battery from /home/someone/project")
    assert shown == "sent [redacted] from /home/someone/project"


def test_secret_at_any_place_of_a_long_line_is_not_cut_in_two(tmp_path: Path) -> None:
    for before in (8 * 1024 - 10, 64 * 1024 - 10):
        reading, writing = os.pipe()
        pump = LogPump(os.fdopen(reading, "rb"), CappedLog(tmp_path / "log.txt"), Redactor())
        pump.start()
        with os.fdopen(writing, "wb") as stream:
            stream.write(b"x" * (before - 1) + b" " + TOKEN.encode() + b" tail\nnext\r20%\r40%\r\n\nlast")
        pump.join()
        pump._stream.close()
    assert "hf_" not in (tmp_path / "log.txt").read_text()
    assert (tmp_path / "log.txt").read_text().splitlines()[-4:] == ["next", "20%", "40%", "last"]
    assert pump.last_line == "last"


@pytest.mark.parametrize(
    ("said", "lines", "value"),
    [
        (b'noise\n{\n "a": 1\n}\n', [b"noise"], {"a": 1}),
        (b'{\n "a": {\n  "b": 2\n }\n}', [], {"a": {"b": 2}}),
        (b"noise only\n", [b"noise only"], None),
        (b'{\n "a": \n', [b"{", b' "a": '], None),
        (b"", [], None),
    ],
)
def test_result_is_told_from_what_libraries_print(
    said: bytes, lines: list[bytes], value: dict[str, object] | None
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(said)
    with os.fdopen(reading, "rb") as stream:
        pump = OutputPump(stream)
        pump.run()
    assert pump.parts() == (lines, value)
