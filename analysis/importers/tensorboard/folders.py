"""Which folders are runs: by TensorBoard's own rule every folder with event files, but for those of `add_hparams`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.importers.places import files_below
from analysis.importers.tensorboard.event_file import EventFile, read_event_file

_NAME: Final = "tfevents"
_SMALL_BYTES: Final = 1024 * 1024
"""Files of `add_hparams` hold a few events; a larger one is no such file."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run: its folder, its event files, and the single event file that `add_hparams` put below it."""

    path: Path
    files: tuple[Path, ...]
    hparams: tuple[Path, ...] = ()

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Its own files and those of `add_hparams`."""
        return (*self.files, *self.hparams)


def find_runs(root: Path) -> list[RunFolder]:
    """The runs below a folder (or of one event file), by path.

    `SummaryWriter.add_hparams` writes hyperparameters and results of a run into a folder of its own below the run's:
    that belongs to the run when the run has values itself, and the hyperparameters are the same wherever it did so.
    Else each such folder is a run, for so a writer logs many trials.
    """
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in files_below(root, lambda name: _NAME in name):
        by_folder[path.parent].append(path)
    children: dict[Path, list[Path]] = defaultdict(list)
    for folder in by_folder:
        parent = next((above for above in folder.parents if above in by_folder), None)
        if parent is not None and _is_hparams_only(by_folder[folder]):
            children[parent].append(folder)
    merged = {parent: found for parent, found in children.items() if _belong(by_folder[parent], found, by_folder)}
    inside = {folder for found in merged.values() for folder in found}
    return [
        RunFolder(folder, tuple(files), tuple(path for child in merged.get(folder, ()) for path in by_folder[child]))
        for folder, files in sorted(by_folder.items())
        if folder not in inside and not (folder in children and folder not in merged and not _has_values(files))
    ]


def _belong(own: list[Path], found: list[Path], by_folder: dict[Path, list[Path]]) -> bool:
    settings = {repr(file.hparams) for folder in found for path in by_folder[folder] for file in _read(path)}
    return len(settings) == 1 and _has_values(own)


def _has_values(files: list[Path]) -> bool:
    """Whether anything but the file's version was logged."""
    return any(path.stat().st_size > _SMALL_BYTES or any(file.has_values for file in _read(path)) for path in files)


def _is_hparams_only(files: list[Path]) -> bool:
    """Whether a folder holds one small file with hyperparameters, whose numbers all stand at one step."""
    if len(files) != 1 or files[0].stat().st_size > _SMALL_BYTES:
        return False
    return any(file.hparams is not None and len(set(file.steps)) <= 1 for file in _read(files[0]))


def _read(path: Path) -> list[EventFile]:
    try:
        return [read_event_file(path)]
    except OSError:
        return []
