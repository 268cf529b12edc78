"""Finds Optuna storages and reads their trials."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.errors import ConfigError, StoreError
from analysis.importers import sqlite_file
from analysis.importers.optuna import storages
from analysis.importers.optuna.trials import KIND, read_trial
from analysis.importers.places import change_digest, existing_path, files_below
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_ENDINGS: Final = (".db", ".db3", ".sqlite", ".sqlite3", ".log", ".journal", ".jsonl")
"""Names under which a folder is searched; a file that is named itself may be called anything."""
_EMPTY: Final = "the study has no trials yet; import again when it has"


class OptunaSource:
    """Storages of Optuna. An item is one storage: its locator says which target, and for a file its path."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """Storages at the targets: addresses (`postgresql://...`) as they are, files and folders by their content."""
        seen: set[Path] = set()
        for index, target in enumerate(request.targets):
            url = _database_url(target)
            if url is not None and not _sqlite_path(url):
                yield _find_address(url, index)
                continue
            root = existing_path(str(_sqlite_path(url)) if url is not None else target)
            for path in files_below(root, lambda name: name.lower().endswith(_ENDINGS)):
                if path.resolve() not in seen and (item := _find_file(path, index)):
                    seen.add(path.resolve())
                    yield item

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """Every trial that has begun; those that wait hold nothing yet."""
        try:
            with _open(item, request) as opened:
                path = item.locator.get("path")
                location = str(Path(path).resolve()) if path else item.label
                yield from _read_storage(item.label, location, opened, progress)
                if opened.damage:
                    yield Refusal(kind=KIND, label=f"{item.label}: damage", reason=opened.damage)
        except StoreError as error:
            yield Refusal(kind=KIND, label=item.label, reason=str(error))


SOURCE: Final = OptunaSource()


def _find_file(path: Path, index: int) -> Item | None:
    form = "database" if storages.is_database(path) else "journal" if storages.is_journal(path) else None
    if form is None:
        return None
    files = sqlite_file.files_of(path) if form == "database" else (path,)
    locator = {"form": form, "path": str(path), "target": str(index)}
    return Item(kind=KIND, label=str(path), digest=change_digest(files), locator=locator)


def _find_address(url: URL, index: int) -> Item | Refusal:
    label = _shown(url)
    try:
        with storages.open_address(url) as opened:
            digest = _content_digest(opened)
    except StoreError as error:
        return Refusal(kind=KIND, label=label, reason=str(error))
    return Item(kind=KIND, label=label, digest=digest, locator={"form": "address", "target": str(index)})


def _content_digest(opened: storages.Opened) -> str:
    """A server has no file whose time changes, so all that it holds is hashed."""
    digest = hashlib.sha256()
    for study in opened.storage.get_all_studies():
        digest.update(repr((study.study_name, study.directions, study.user_attrs, study.system_attrs)).encode())
        for trial in opened.storage.get_all_trials(study._study_id, deepcopy=False):
            digest.update(repr(trial).encode())
    return digest.hexdigest()[:16]


def _open(item: Item, request: Request) -> AbstractContextManager[storages.Opened]:
    if item.locator["form"] == "address":
        url = _database_url(request.targets[int(item.locator["target"])])
        if url is None:
            raise StoreError("this is no address of a database")
        return storages.open_address(url)
    path = Path(item.locator["path"])
    return storages.open_database(path) if item.locator["form"] == "database" else storages.open_journal(path)


def _read_storage(
    place: str, location: str, opened: storages.Opened, progress: Progress
) -> Iterator[SourceRun | Refusal]:
    n_rows = 0
    for study in opened.storage.get_all_studies():
        trials = opened.storage.get_all_trials(study._study_id, deepcopy=False)
        begun = [trial for trial in trials if trial.state.name != "WAITING"]
        waiting = f"{len(trials) - len(begun)} trials wait and hold nothing yet; they come when they have begun"
        notes = (waiting,) if len(begun) < len(trials) else ()
        for trial in begun:
            run = read_trial(
                study, trial, opened, place=place, location=location, notes=notes if trial is begun[-1] else ()
            )
            n_rows += run.rows_got
            progress(n_rows)
            yield run
        if not begun:
            yield Refusal(kind=KIND, label=f"{place}: {study.study_name}", reason=notes[0] if notes else _EMPTY)


def _database_url(target: str) -> URL | None:
    """The address that a target is, or None where it is a path.

    Raises:
        ConfigError: it is an address that cannot be read.
    """
    if "://" not in target:
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(target)
    except (ArgumentError, ValueError):
        # Without the text, which may hold a password.
        raise ConfigError("the address of the database cannot be read; write dialect://user@host/database") from None


def _sqlite_path(url: URL) -> Path | None:
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _shown(url: URL) -> str:
    """The address without password and query."""
    return url.set(query={}).render_as_string(hide_password=True)
