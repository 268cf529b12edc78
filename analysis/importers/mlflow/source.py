"""Finds the runs of MLflow's stores and reads them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from analysis.errors import ConfigError, StoreError
from analysis.importers import sqlite_file
from analysis.importers.mlflow import database, folder
from analysis.importers.mlflow.record import Point, RunRecord
from analysis.importers.mlflow.server import GoneError, Server, read_address, record_of
from analysis.importers.mlflow.to_run import KIND, to_run
from analysis.importers.places import change_digest, existing_path, files_below
from analysis.importers.result import RowProblem
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun

_ENDINGS: Final = (".db", ".sqlite", ".sqlite3")
_PARENT: Final = "mlflow.parentRunId"
_EVERY: Final = 20_000


class MlflowSource:
    """Stores of MLflow. An item is one run of a server or folder, or one whole database."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """What there is at the targets: servers (`http://...`), databases (`sqlite:///...` or files), folders."""
        seen: set[Path] = set()
        for index, target in enumerate(request.targets):
            if read_address(target) is not None:
                yield from _find_on_server(target, index)
                continue
            for item in _find_in_files(existing_path(_local(target))):
                place = Path(item.locator["path"]).resolve()
                if place not in seen:
                    seen.add(place)
                    yield item

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The runs of an item, without those that the user deleted."""
        try:
            if item.locator["form"] == "server":
                yield from _read_server_run(item, request, progress)
            elif item.locator["form"] == "database":
                yield from _read_database(item, progress)
            else:
                yield from _read_folder(item, progress)
        except (StoreError, sqlite3.Error, OSError) as error:
            yield Refusal(kind=KIND, label=item.label, reason=f"it cannot be read: {error}")


SOURCE: Final = MlflowSource()


def _local(target: str) -> str:
    """The path that a target means.

    Raises:
        ConfigError: it is the address of something else.
    """
    parts = urlsplit(target)
    if parts.scheme == "sqlite":
        return unquote(parts.path[1:])
    if parts.scheme == "file":
        return unquote(parts.path)
    if "://" in target:
        raise ConfigError(
            f"MLflow stores at {parts.scheme}:// addresses are not read directly; start `mlflow server` on it and "
            "import its http:// address"
        )
    return target


def _find_in_files(root: Path) -> Iterator[Item]:
    for path in files_below(root, lambda name: name.lower().endswith(_ENDINGS)):
        if database.is_database(path):
            digest = change_digest(sqlite_file.files_of(path))
            yield Item(kind=KIND, label=str(path), digest=digest, locator={"form": "database", "path": str(path)})
    folders = dict(folder.run_folders(root)) if root.is_dir() else {}
    n_deleted = sum(folders.values())
    for path, is_deleted in folders.items():
        if is_deleted:
            continue
        kinds = [file for name in ("metrics", "params", "tags", "inputs") for file in (path / name).rglob("*")]
        yield Item(
            kind=KIND,
            label=str(path),
            digest=change_digest([path / folder.META, path.parent / folder.META, *kinds]),
            locator={"form": "folder", "path": str(path), "n_deleted": str(n_deleted)},
            folder=path,
        )
        n_deleted = 0


def _find_on_server(target: str, index: int) -> Iterator[Item | Refusal]:
    address = read_address(target)
    if address is None:
        return
    server = Server(address)
    try:
        for experiment_id, name in server.experiments():
            n_deleted = sum(1 for _ in server.runs(experiment_id, deleted=True))
            for found in server.runs(experiment_id):
                digest = hashlib.sha256(json.dumps([name, found], sort_keys=True).encode()).hexdigest()[:16]
                run_id = str(found["info"]["run_id"])
                locator = {"form": "server", "target": str(index), "run_id": run_id, "experiment": name}
                label = f"{address.base}: {name}/{run_id}"
                yield Item(kind=KIND, label=label, digest=digest, locator={**locator, "n_deleted": str(n_deleted)})
                n_deleted = 0
    except (StoreError, KeyError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, StoreError) else "its answers have not the form of MLflow's"
        yield Refusal(kind=KIND, label=address.base, reason=reason)


def _read_server_run(item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
    address = read_address(request.targets[int(item.locator["target"])])
    if address is None:
        return
    server = Server(address)
    try:
        record = record_of(server.run(item.locator["run_id"]), item.locator["experiment"])
        points, problems = _server_points(server, record, progress)
        sweep = _parent_on_server(server, record)
    except GoneError:
        yield Refusal(kind=KIND, label=item.label, reason="the run was deleted after it had been listed")
        return
    except (KeyError, TypeError, ValueError):
        yield Refusal(kind=KIND, label=item.label, reason="the server's answers have not the form of MLflow's")
        return
    yield to_run(
        record,
        points,
        place=address.base,
        location=address.base,
        problems=problems,
        sweep=sweep,
        notes=_deleted_note(int(item.locator["n_deleted"])),
    )


def _server_points(server: Server, record: RunRecord, progress: Progress) -> tuple[list[Point], tuple[RowProblem, ...]]:
    """All values; a metric whose history breaks off, or lacks the value that the server calls its last, is named."""
    points: list[Point] = []
    problems = []
    for key, latest in record.latest.items():
        reason = None
        first = len(points)
        try:
            for point in server.history(record.run_id, key):
                points.append(point)
                if len(points) % _EVERY == 0:
                    progress(len(points))
        except GoneError:
            raise
        except StoreError as error:
            reason = f"the history of {key} is not whole: {error}"
        progress(len(points))
        if reason is None and not any(_is_same(point, latest) for point in reversed(points[first:])):
            reason = f"the history of {key} lacks its last value, at step {latest.step}"
        if reason:
            problems.append(RowProblem(None, key, None, reason))
    return points, tuple(problems)


def _is_same(point: Point, other: Point) -> bool:
    return (point.step, point.timestamp) == (other.step, other.timestamp)


def _parent_on_server(server: Server, record: RunRecord) -> str | None:
    parent = record.tags.get(_PARENT)
    if parent is None:
        return None
    try:
        return _sweep_name(server.run(parent)["info"].get("run_name"), parent)
    except StoreError:
        return parent


def _read_database(item: Item, progress: Progress) -> Iterator[SourceRun | Refusal]:
    n_rows = 0
    with sqlite_file.open_read_only(Path(item.locator["path"])) as connection:
        connection.execute("BEGIN")  # one state of the database, whatever is written meanwhile
        records = list(database.run_records(connection))
        names = {record.run_id: record.name for record in records}
        n_deleted = sum(record.is_deleted for record in records)
        location = str(Path(item.locator["path"]).resolve())
        for record in records:
            if record.is_deleted:
                continue
            parent = record.tags.get(_PARENT)
            points = list(database.points(connection, record.run_id))
            n_rows += len(points)
            progress(n_rows)
            sweep = _sweep_name(names.get(parent), parent) if parent else None
            yield to_run(
                record, points, place=item.label, location=location, sweep=sweep, notes=_deleted_note(n_deleted)
            )
            n_deleted = 0


def _read_folder(item: Item, progress: Progress) -> Iterator[SourceRun | Refusal]:
    path = Path(item.locator["path"])
    files = folder.RunFiles(path)
    points = list(files.points())
    progress(len(points))
    record = folder.run_record(files)
    parent = record.tags.get(_PARENT)
    above = folder.read_meta(path.parent / parent / folder.META) if parent and parent.isalnum() else {}
    sweep = _sweep_name(above.get("run_name"), parent) if parent else None
    store = path.parent.parent
    yield to_run(
        record,
        points,
        place=str(store),
        location=str(store.resolve()),
        problems=tuple(files.problems),
        sweep=sweep,
        notes=_deleted_note(int(item.locator["n_deleted"])),
    )


def _sweep_name(name: object, parent: str) -> str:
    """Two parents may have one name."""
    return f"{name} {parent[:8]}" if name else parent


def _deleted_note(n_deleted: int) -> tuple[str, ...]:
    return (f"{n_deleted} runs that the user deleted were left out",) if n_deleted else ()
