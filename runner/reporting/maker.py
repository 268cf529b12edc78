"""Reports for a page: each made once, by `ucurve report` in a process of its own, and kept for all who ask for it."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import runner
from analysis.reports.figures_of import WrittenFigure, figures_of
from analysis.reports.order import ReportOrder
from runner.reporting.browser import find_chromium
from runner.reporting.processes import end_group
from runner.reporting.write import Format

_LOGGER = logging.getLogger(__name__)
TIMEOUT_S: Final = 300.0
"""Our choice: a report of 10,000 runs fits, one that hangs does not."""
KEPT: Final = 6
"""Reports that are kept, about 5 MB each, and"""
MOST_WAITING: Final = 8
"""reports that may wait for their turn: one is made at a time (our choice)."""
_NO_ANSWER: Final = "The report ended without an answer; the dashboard's log says why."
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a zip can hold: equal files make equal zips."""

State = Literal["making", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Made:
    """A report as far as it is made.

    Attributes:
        state: Whether it is there.
        files: What to download, by format; several files of a format are one zip.
        text: The report as Markdown, to look at.
        figures: Name of a picture in that Markdown -> the chart that the HTML has in its place.
        notes: What is missing from it, in sentences.
        problem: Why there is none.
    """

    state: State
    files: Mapping[Format, bytes] = field(default_factory=dict)
    text: str = ""
    figures: Mapping[str, WrittenFigure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str | None = None


class ReportMaker:
    """Makes reports; thread-safe."""

    def __init__(
        self, command: Sequence[str] = (sys.executable, "-m", "runner.cli"), *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._command, self._timeout_s = tuple(command), timeout_s
        self._known: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def ask(self, order: ReportOrder, store: Path, version: str) -> Made:
        """Returns the report as far as it is made, and begins it where nobody has.

        Args:
            order: What to put into it.
            store: The store's folder.
            version: `Snapshot.key`: a store that has changed makes another report.
        """
        key = hashlib.sha256(f"{store}\0{version}\0{order!r}".encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            if sum(made.state == "making" for made in self._known.values()) >= MOST_WAITING:
                return Made("failed", problem="Too many reports are being made just now; ask again in a minute.")
            begun = self._known[key] = Made("making")
        threading.Thread(target=self._work, args=(key, order, store), daemon=True).start()
        return begun

    def forget_failed(self) -> None:
        """Makes what failed anew the next time that somebody asks."""
        with self._lock:
            for key in [key for key, made in self._known.items() if made.state == "failed"]:
                del self._known[key]

    def _work(self, key: str, order: ReportOrder, store: Path) -> None:
        try:
            with self._turn:
                made = self._make(order, store)
        except Exception:  # whatever it is, nobody may wait for it for ever
            _LOGGER.exception("a report could not be made")
            made = Made("failed", problem=_NO_ANSWER)
        with self._lock:
            self._known[key] = made
            ready = [name for name, one in self._known.items() if one.state != "making"]
            for name in ready[: max(0, len(ready) - KEPT)]:
                del self._known[name]

    def _make(self, order: ReportOrder, store: Path) -> Made:
        with tempfile.TemporaryDirectory(prefix="ucurve-report-") as place:
            folder = Path(place)
            child = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [*self._command, *arguments_of(order, store, folder)],
                cwd=Path(runner.__file__).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            try:
                output, log = child.communicate(timeout=self._timeout_s)
            except subprocess.TimeoutExpired:
                end_group(child.pid)
                child.communicate()
                return Made("failed", problem=f"The report took longer than {self._timeout_s:.0f} s.")
            finally:
                end_group(child.pid)
            said = log.decode(errors="replace").replace(f"{folder}{os.sep}", "").strip()
            return _read(child.returncode, output, said, folder)


def arguments_of(order: ReportOrder, store: Path, folder: Path) -> list[str]:
    """The command line after `ucurve` that makes a report in every format that this machine can make.

    What comes from a browser stands behind `=`, so that none of it is taken for an option.
    """
    formats = ["html", "md", "csv", "parquet", *(["pdf"] if find_chromium() else [])]
    (folder / "files").mkdir()
    notes = folder / "notes.txt"
    notes.write_text(order.notes, encoding="utf-8", errors="replace")
    return [
        "report",
        *(f"--output={folder / 'files' / f'review.{name}'}" for name in formats),
        f"--store={store}",
        *([f"--sweep={','.join(order.sweeps)}"] if order.sweeps else []),
        *(f"--where={condition}" for condition in order.where),
        f"--metric={order.metric}",
        *([f"--direction={order.direction}"] if order.direction else []),
        f"--sections={','.join(order.sections)}",
        f"--notes={notes}",
        *([f"--title={order.title}"] if order.title else []),
        "--json",
    ]


def _read(returncode: int, output: bytes, log: str, folder: Path) -> Made:
    if returncode in (2, 3) and log and "Traceback" not in log:
        return Made("failed", problem=log)
    try:
        said = json.loads(output)
    except ValueError:
        _LOGGER.error("a report ended with code %d: %s", returncode, log)
        return Made("failed", problem=_NO_ANSWER)
    found = {path.relative_to(folder / "files").as_posix(): path for path in (folder / "files").rglob("*.*")}
    files = {name: path.read_bytes() for name, path in sorted(found.items())}
    return Made(
        "ready",
        files={
            "html": files["review.html"],
            **({"pdf": files["review.pdf"]} if "review.pdf" in files else {}),
            "md": _zip(files, (name for name in files if name.endswith((".md", ".png")))),
            "csv": _zip(files, (name for name in files if name.endswith(".csv"))),
            "parquet": _zip(files, (name for name in files if name.endswith(".parquet"))),
        },
        text=files["review.md"].decode(),
        figures=figures_of(files["review.html"].decode()),
        notes=tuple(said["notes"]),
    )


def _zip(files: Mapping[str, bytes], names: Iterable[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
