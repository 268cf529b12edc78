"""What a job says, into a file that stays small, without secrets and without anything that acts on a terminal."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from analysis.importers.redaction import MARKER, Redactor
from analysis.wording.printable import printable

MOST_BYTES: Final = 4 * 1024**2
_HEAD_BYTES: Final = 1024**2
"""Kept of a log whose middle went: how it began. Our choice, as the whole."""
_MOST_OF_LINE: Final = 8 * 1024
_LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line that are read: more than is kept, so that no secret is cut in two before it is known as one."""
_COLOURS: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_KEY_ENDS: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_MOST_KEY_LINES: Final = 200
_MOST_OUTPUT: Final = 8 * 1024**2


class CappedLog:
    """A text file with the beginning and the end of all that was written; lines in the middle give way.

    A disk that is full loses lines and says how many bytes, once there is room again; it never raises.

    Args:
        path: The file, which is appended to.
        most_bytes: About how large it may get.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._most_bytes = path, most_bytes
        self._head_bytes = min(_HEAD_BYTES, most_bytes // 4)
        self._mark_at: int | None = None
        self._n_left_out = 0
        self._n_lost = 0

    def write(self, line: str) -> None:
        """Adds a line."""
        content = f"{line}\n".encode(errors="backslashreplace")
        try:
            with self._path.open("ab") as file:
                if self._n_lost:
                    file.write(f"[... {self._n_lost:,} bytes could not be written ...]\n".encode())
                    self._n_lost = 0
                file.write(content)
                size = file.tell()
            if size > self._most_bytes:
                self._shorten()
        except OSError:
            self._n_lost += len(content)

    def _shorten(self) -> None:
        content = self._path.read_bytes()
        if self._mark_at is None:
            self._mark_at = content.rfind(b"\n", 0, self._head_bytes) + 1
        head_end = self._mark_at
        tail_start = content.find(b"\n", len(content) - self._most_bytes // 2) + 1
        self._n_left_out += tail_start - head_end
        mark = f"[... {self._n_left_out:,} bytes left out ...]\n".encode()
        draft = self._path.with_suffix(".inprogress")
        draft.write_bytes(content[:head_end] + mark + content[tail_start:])
        draft.replace(self._path)


class DatedLog:
    """A worker's own log: sentences, each with its time (UTC).

    Args:
        path: The file, which is appended to.
    """

    def __init__(self, path: Path) -> None:
        self._log = CappedLog(path, _HEAD_BYTES)

    def say(self, text: str) -> None:
        """Adds a sentence."""
        self._log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text.rstrip()}")


class LineCleaner:
    """Makes lines harmless: secrets go, colours go, other control characters become escapes."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._n_key_lines = 0

    def clean(self, line: bytes) -> str:
        """One line; of a private key that spans many, nothing but the marker."""
        text = _COLOURS.sub("", line.decode(errors="backslashreplace")).expandtabs(4)
        if self._n_key_lines:
            return self._inside_key(text)
        if _KEY_BEGINS.search(text) and not _KEY_ENDS.search(text):
            self._n_key_lines = 1
        cleaned = printable(self._redactor.clean_text(text), breaks=False)
        return cleaned if len(cleaned) <= _MOST_OF_LINE else f"{cleaned[:_MOST_OF_LINE]} [...]"

    def _inside_key(self, text: str) -> str:
        self._n_key_lines += 1
        if _KEY_ENDS.search(text) or self._n_key_lines > _MOST_KEY_LINES:
            self._n_key_lines = 0
        return MARKER


class LogPump(threading.Thread):
    """Reads what a process says until nobody holds the other end of the pipe any more, and writes it to a log.

    Attributes:
        last_line: The last line that was not empty, cleaned; an error's sentence stands there.
    """

    def __init__(self, stream: IO[bytes], log: CappedLog, redactor: Redactor) -> None:
        super().__init__(daemon=True)  # a process that hangs in a driver may hold the pipe for ever
        self._stream, self._log = stream, log
        self._cleaner = LineCleaner(redactor)
        self.last_line: str | None = None

    def run(self) -> None:
        """Reads line by line; a progress bar's returns end lines too."""
        waiting = b""
        while chunk := os.read(self._stream.fileno(), 1 << 16):
            *lines, waiting = re.split(rb"\r\n|[\r\n]", waiting + chunk)
            waiting = waiting[:_LONGEST_LINE]
            self.add(lines)
        self.add([waiting])

    def add(self, lines: Iterable[bytes]) -> None:
        """Writes lines as if they had been read."""
        for line in lines:
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        if line.strip():
            text = self._cleaner.clean(line[:_LONGEST_LINE])
            self.last_line = text
            self._log.write(text)


class OutputPump(threading.Thread):
    """Reads the standard output of a process, which ends with one JSON object over many lines.

    What stands before it, said by libraries, is for the log. Of more than 8 MiB the end is kept.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._content = b""

    def run(self) -> None:
        """Reads to the end."""
        while chunk := os.read(self._stream.fileno(), 1 << 16):
            self._content = (self._content + chunk)[-_MOST_OUTPUT:]

    def parts(self) -> tuple[list[bytes], dict[str, object] | None]:
        """The lines that belong into the log, and the object, or None without one."""
        lines = self._content.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith(b"{")]
        if starts:
            try:
                value = json.loads(b"\n".join(lines[starts[-1] :]))
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                return lines[: starts[-1]], value
        return lines, None
