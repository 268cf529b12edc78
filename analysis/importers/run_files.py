"""Files of runs on a disk: every folder once, in a stable order, and nothing but reading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import ConfigError
from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates


class UnreadableFileError(Exception):
    """A file cannot be taken; the text says why in half a sentence."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with the names of its files, sorted; a single one where the user named a file."""

    path: Path
    names: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.names


def folders_at(targets: Iterable[str], problems: list[str]) -> Iterator[Folder]:
    """Folders at and below the targets, links followed, each folder once.

    Args:
        targets: Folders and files, as the user wrote them.
        problems: Gets a sentence for each folder that cannot be looked into.

    Raises:
        ConfigError: there is nothing at a target.
    """
    seen: set[tuple[int, int]] = set()
    for target in targets:
        path = Path(target).expanduser()
        if not path.exists():
            raise ConfigError(f"there is no file or folder '{path}'; name one that is there")
        if path.is_dir():
            yield from _below(path.resolve(), seen, problems)
        else:
            yield Folder(path.resolve().parent, (path.resolve().name,))


def _below(root: Path, seen: set[tuple[int, int]], problems: list[str]) -> Iterator[Folder]:
    walk = os.walk(root, followlinks=True, onerror=lambda error: problems.append(_describe(error)))
    for folder, folders, names in walk:
        try:
            status = Path(folder).stat()
        except OSError as error:
            problems.append(_describe(error))
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield Folder(Path(folder), tuple(sorted(names)))


def _describe(error: OSError) -> str:
    return f"'{error.filename}' cannot be looked into: {error.strerror}"


def last_write(paths: Iterable[Path]) -> float:
    """Seconds since 1970 of the newest write to one of the files; 0 where there is none."""
    times = [0.0]
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)


def read_json_object(path: Path) -> dict[str, object]:
    """The JSON object in a file; half characters in it became U+FFFD.

    Raises:
        UnreadableFileError: it is missing, no text, no JSON, or no object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = parse_json(replace_lone_surrogates(text)[0])
    except FileNotFoundError:
        raise UnreadableFileError(f"{path.name} is missing") from None
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read ({error.strerror or error})") from None
    except ValueError:
        raise UnreadableFileError(f"{path.name} is no JSON") from None
    if not isinstance(value, dict):
        raise UnreadableFileError(f"{path.name} holds no JSON object")
    return value
