"""The runs in an `mlruns` folder: a folder for each run, a file for each metric, parameter and tag.

MLflow 3 refuses to open such folders unless it is told to, and then writes into them.
Source: mlflow 3.17, `store/tracking/file_store.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from analysis.importers.mlflow.record import Dataset, Point, RunRecord
from analysis.importers.places import files_below
from analysis.importers.result import RowProblem

META: Final = "meta.yaml"
_STATUSES: Final = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_TRASH: Final = ".trash"
_CONTEXT: Final = "mlflow.data.context"
_SHOWN: Final = 80


@dataclass(slots=True)
class RunFiles:
    """Reads the folder of one run.

    Attributes:
        problems: Lines of metric files that cannot be read.
        unread: Files that cannot be read.
    """

    folder: Path
    problems: list[RowProblem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def files(self, kind: str) -> Iterator[tuple[str, Path]]:
        """Name and file of every metric, parameter or tag; a name with slashes lies in folders."""
        root = self.folder / kind
        for path in files_below(root, lambda _: True) if root.is_dir() else ():
            yield path.relative_to(root).as_posix(), path

    def texts(self, kind: str) -> dict[str, str]:
        """Content of the files of a kind, by name."""
        found = {name: self._text(path) for name, path in self.files(kind)}
        return {name: text for name, text in found.items() if text is not None}

    def points(self) -> Iterator[Point]:
        """All values of all metrics."""
        for name, path in self.files("metrics"):
            text = self._text(path)
            lines = (text or "").split("\n")
            for number, line in enumerate(lines[:-1], start=1):
                point = _point(name, line)
                if point is not None:
                    yield point
                elif line.strip():
                    self._note(number, name, line, "is no line `time value step`")
            if lines[-1]:  # every line ends in a newline: without it, even the step may be cut
                self._note(len(lines), name, lines[-1], "breaks off")

    def datasets(self) -> tuple[Dataset, ...]:
        """The inputs of the run, and what they say of the datasets beside the runs."""
        found = []
        for _, path in self.files("inputs"):
            link = read_meta(path) if path.name == META else {}
            data = read_meta(self.folder.parent / "datasets" / str(link.get("source_id")) / META) if link else {}
            tags = link.get("tags")
            context = tags.get(_CONTEXT) if isinstance(tags, dict) else None
            if data:
                found.append(
                    Dataset(
                        name=str(data.get("name")), digest=str(data.get("digest")), context=context and str(context)
                    )
                )
        return tuple(sorted(found, key=lambda data: (data.name, data.digest)))

    def _note(self, number: int, name: str, line: str, reason: str) -> None:
        self.problems.append(RowProblem(number, name, line[:_SHOWN], f"line {number} of metric {name} {reason}"))

    def _text(self, path: Path) -> str | None:
        try:
            return path.read_bytes().decode(errors="replace")
        except OSError as error:
            self.unread.append(f"'{path.name}' cannot be read: {error.strerror}")
            return None


def run_folders(root: Path) -> Iterator[tuple[Path, bool]]:
    """The folders of runs at or below a folder, and whether the user deleted the run or its experiment."""
    for path in files_below(root, lambda name: name == META):
        meta = read_meta(path)
        if "experiment_id" in meta and "status" in meta and ("run_id" in meta or "run_uuid" in meta):
            above = read_meta(path.parent.parent / META)
            stages = (meta.get("lifecycle_stage"), above.get("lifecycle_stage"))
            yield path.parent, "deleted" in stages or _TRASH in path.parts


def run_record(files: RunFiles) -> RunRecord:
    """What the folder says of the run, but for its values."""
    meta = read_meta(files.folder / META)
    above = read_meta(files.folder.parent / META)
    status = meta.get("status")
    return RunRecord(
        run_id=str(meta.get("run_id") or meta.get("run_uuid")),
        experiment=str(above.get("name") or meta.get("experiment_id")),
        status=_STATUSES.get(status, str(status)) if isinstance(status, int) else str(status),
        name=_optional(meta.get("run_name")) or _optional(meta.get("name")),
        start_time=_milliseconds(meta.get("start_time")),
        end_time=_milliseconds(meta.get("end_time")),
        params=files.texts("params"),
        tags=files.texts("tags"),
        datasets=files.datasets(),
        unread=tuple(files.unread),
    )


def read_meta(path: Path) -> dict[str, object]:
    """A `meta.yaml`; empty where it is none."""
    try:
        found = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _point(name: str, line: str) -> Point | None:
    """A line `time value [step [dataset digest]]`."""
    parts = line.split()
    if len(parts) < 2:
        return None
    try:
        return Point(name, int(parts[0]), int(parts[2]) if len(parts) > 2 else 0, float(parts[1]))
    except ValueError:
        return None


def _optional(value: object) -> str | None:
    return str(value) if value else None


def _milliseconds(value: object) -> int | None:
    return value if type(value) is int else None
