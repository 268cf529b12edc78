"""Which training made an evaluated model: found among the targets by what its own arguments say, not by names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from analysis.importers.run_files import folders_at
from analysis.importers.trainer.args import read_arguments
from analysis.importers.trainer.output_folder import OutputFolder, open_folder
from analysis.store.identity import ID_PATTERN
from analysis.store.marker import MARKER

_CHECKPOINT: Final = re.compile(r"checkpoint-\d+")
_ADAPTER: Final = re.compile(r"adapter(?:-step-(?P<step>\d{1,18}))?")
"""Below a run's folder in a store's `artifacts`."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The output folder of a training, and which of its checkpoints was evaluated; None: the model it ended with."""

    folder: Path
    checkpoint: str | None


class OwnAdapter(NamedTuple):
    """An adapter that Ucurve trained: of which run, and after how many steps; None: the one it ended with."""

    run_id: str
    step: int | None


class TrainedModels:
    """The output folders at and below some targets, by their places and by the places that they were written to."""

    def __init__(self, targets: Iterable[str]) -> None:
        self._by_place: dict[str, list[Path]] = {}
        checkpoints: set[Path] = set()
        for found in folders_at(targets, []):
            folder = None if found.path in checkpoints else open_folder(found.path)
            if folder is not None:
                checkpoints.update(path for _, path in folder.checkpoints)
                for place in {str(folder.path), _stated_place(folder)} - {""}:
                    self._by_place.setdefault(place, []).append(folder.path)

    def find(self, model: str | None) -> Trained | None:
        """The training of a model, by the path under which it was evaluated; None where that is not clear."""
        if model is None:
            return None
        place = os.path.normpath(model)
        above, name = os.path.split(place)
        checkpoint = name if _CHECKPOINT.fullmatch(name) else None
        folders = self._by_place.get(above if checkpoint else place, [])
        return Trained(folders[0], checkpoint) if len(folders) == 1 else None


def _stated_place(folder: OutputFolder) -> str:
    """Where its arguments say that it was written to."""
    stated = read_arguments(folder.places, []).settings.get("output_dir")
    return os.path.normpath(stated) if isinstance(stated, str) and Path(stated).is_absolute() else ""


def trained_here(model: str | None) -> OwnAdapter | None:
    """Which adapter of a Ucurve store was evaluated, or None."""
    parts = Path(model).parts if model else ()
    for index, part in enumerate(parts[:-1]):
        is_artifact = part == "artifacts" and re.fullmatch(ID_PATTERN, parts[index + 1])
        if is_artifact and Path(*parts[:index], MARKER).is_file():
            name = _ADAPTER.fullmatch("/".join(parts[index + 2 :]))
            return name and OwnAdapter(parts[index + 1], int(name["step"]) if name["step"] else None)
    return None
