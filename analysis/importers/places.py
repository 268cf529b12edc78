"""The files at a target: found in a fixed order, each once, and told apart from what they were at an earlier import."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from analysis.errors import ConfigError


def existing_path(target: str) -> Path:
    """The path that a target names.

    Raises:
        ConfigError: there is nothing there.
    """
    path = Path(target).expanduser()
    if not path.exists():
        raise ConfigError(f"there is no file or folder {target!r}; check the path")
    return path


def files_below(root: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """A file itself; of a folder all files with a wanted name, at any depth, by path, without links to folders.

    A file that can be reached in two ways comes once.
    """
    if root.is_file():
        yield root
        return
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for path in (Path(folder) / name for name in sorted(names) if wanted(name)):
            identity = _identity(path)
            if identity is not None and identity not in seen:
                seen.add(identity)
                yield path


def change_digest(paths: Iterable[Path], *, more: str = "") -> str:
    """16 hexadecimal digits that change when a file's size or time does, or a file comes or goes."""
    digest = hashlib.sha256(more.encode())
    for path in sorted(paths):
        try:
            status = path.stat()
        except OSError:
            continue
        digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a regular file, else None."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if path.is_file() else None
