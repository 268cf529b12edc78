"""Finds the logs under folders, each once, however many links and copies lead to it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from analysis.errors import ConfigError
from analysis.importers.wandb_log.framing import HEADER_BYTES

_PATTERN: Final = "run-*.wandb"


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log, by its real path; `copies` have byte for byte the same content."""

    path: Path
    copies: tuple[Path, ...] = ()


class Unreadable(NamedTuple):
    """A place that could not be looked at, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """The logs found, ordered by path, and the places that could not be looked at."""

    files: tuple[LogFile, ...]
    problems: tuple[Unreadable, ...]


def discover_logs(paths: Iterable[Path]) -> Discovery:
    """All `run-*.wandb` files under folders, and the files named themselves.

    Raises:
        ConfigError: there is nothing at one of the paths.
    """
    problems: list[Unreadable] = []
    by_identity: dict[tuple[int, int], tuple[int, Path]] = {}
    for path in paths:
        if not path.exists():
            raise ConfigError(f"there is no file or folder '{path}'; name a wandb folder or a .wandb file")
        for found in _walk(path, problems):
            try:
                status = found.stat()
                if stat.S_ISREG(status.st_mode):
                    by_identity.setdefault((status.st_dev, status.st_ino), (status.st_size, found.resolve()))
            except OSError as error:
                problems.append(Unreadable(str(found), f"it cannot be looked at: {error.strerror}"))
    return Discovery(tuple(_without_copies(by_identity.values(), problems)), tuple(problems))


def _walk(path: Path, problems: list[Unreadable]) -> Iterator[Path]:
    """Candidates under a path; linked folders are followed, each folder once."""
    if not path.is_dir():
        yield path
        return
    seen: set[tuple[int, int]] = set()
    walk = os.walk(path, followlinks=True, onerror=lambda error: problems.append(_describe(error)))
    for folder, folders, names in walk:
        identity = _identity(Path(folder), problems)
        if identity is None or identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        folders.sort()
        yield from (Path(folder) / name for name in sorted(names) if fnmatchcase(name, _PATTERN))


def _identity(folder: Path, problems: list[Unreadable]) -> tuple[int, int] | None:
    """Device and inode, or None where the folder went away meanwhile."""
    try:
        status = folder.stat()
    except OSError as error:
        problems.append(_describe(error))
        return None
    return status.st_dev, status.st_ino


def _describe(error: OSError) -> Unreadable:
    return Unreadable(str(error.filename), f"it cannot be looked into: {error.strerror}")


def _without_copies(found: Iterable[tuple[int, Path]], problems: list[Unreadable]) -> list[LogFile]:
    """Joins files of equal content; only files of equal length are compared."""
    by_size: dict[int, list[Path]] = defaultdict(list)
    for size, path in found:
        by_size[size].append(path)
    files = []
    for size, same_size in by_size.items():
        # Logs with nothing in them are equal but not copies of each other: each stands for a run of its own.
        for paths in [[path] for path in same_size] if size <= HEADER_BYTES else _by_content(same_size, problems):
            first, *copies = sorted(paths)
            files.append(LogFile(first, tuple(copies)))
    return sorted(files, key=lambda file: file.path)


def _by_content(paths: list[Path], problems: list[Unreadable]) -> Iterable[list[Path]]:
    if len(paths) == 1:
        return [paths]
    by_digest: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        try:
            with path.open("rb") as file:
                by_digest[hashlib.file_digest(file, "sha256").hexdigest()].append(path)
        except OSError as error:
            problems.append(Unreadable(str(path), f"it cannot be read: {error.strerror}"))
    return by_digest.values()
