"""Output folders of a Trainer: which folders are some, and which of their files say something."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.importers.places import change_digest
from analysis.importers.run_files import folders_at, last_write
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal

STATE_FILE: Final = "trainer_state.json"
ARGS_FILE: Final = "training_args.bin"
ADAPTER_FILE: Final = "adapter_config.json"
MODEL_FILE: Final = "config.json"
CARD_FILE: Final = "README.md"
RESULT_FILES: Final = ("train_results.json", "eval_results.json", "all_results.json")

_CHECKPOINT: Final = re.compile(r"checkpoint-(\d{1,12})")
_MARKS: Final = (STATE_FILE, ARGS_FILE)
_READ_IN_CHECKPOINTS: Final = frozenset({STATE_FILE, ARGS_FILE, ADAPTER_FILE, MODEL_FILE})
_NEVER_READ: Final = (".safetensors", ".pt", ".pth", ".gguf")
_EVENTS: Final = "events.out.tfevents.*"


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """One output folder.

    Attributes:
        path: Its real path.
        checkpoints: Its checkpoint folders with their numbers, the newest first.
    """

    path: Path
    checkpoints: tuple[tuple[int, Path], ...]

    @property
    def places(self) -> tuple[Path, ...]:
        """Where its files may be: itself, then the checkpoints, the newest first."""
        return (self.path, *(path for _, path in self.checkpoints))

    def has(self, name: str) -> bool:
        """Whether it holds a file of that name itself."""
        return (self.path / name).is_file()

    def item(self, kind: str) -> Item:
        """The item for it."""
        return Item(
            kind=kind,
            label=str(self.path),
            digest=change_digest(_read_files(self)),
            locator={"path": str(self.path)},
            folder=self.path,
        )

    def last_write(self) -> float:
        """Seconds since 1970 of the last sign of life: a file of the training, or of its TensorBoard log."""
        return last_write(
            [*_read_files(self), *self.path.glob(f"runs/*/{_EVENTS}"), *self.path.glob(f"runs/{_EVENTS}")]
        )


def find_folders(
    kind: str, request: Request, is_mine: Callable[[OutputFolder], bool] = lambda _: True
) -> Iterator[Item | Refusal]:
    """Items for the output folders at and below the targets, each once.

    Raises:
        ConfigError: there is nothing at a target.
    """
    problems: list[str] = []
    checkpoints: set[Path] = set()
    for folder in folders_at(request.targets, problems):
        if folder.path in checkpoints:
            continue
        found = open_folder(folder.path)
        if found is not None:
            checkpoints.update(path for _, path in found.checkpoints)
            if is_mine(found):
                yield found.item(kind)
    yield from (Refusal(kind=kind, label=problem.split("'")[1], reason=problem) for problem in problems)


def open_folder(path: Path) -> OutputFolder | None:
    """The output folder at a path, or None where there is none (any more)."""
    try:
        children = sorted(path.iterdir())
    except OSError:
        return None
    numbered = ((match, child) for child in children if (match := _CHECKPOINT.fullmatch(child.name)))
    checkpoints = [(int(match[1]), child) for match, child in numbered if (child / STATE_FILE).is_file()]
    if not checkpoints and not any(child.name in _MARKS and child.is_file() for child in children):
        return None
    return OutputFolder(path, tuple(sorted(checkpoints, reverse=True)))


def _read_files(folder: OutputFolder) -> Iterator[Path]:
    """Every file that is looked at; of the folder itself also files of which only the time counts."""
    for place in folder.places:
        try:
            children = sorted(place.iterdir())
        except OSError:
            continue
        of_checkpoint = place != folder.path
        yield from (
            child
            for child in children
            if (child.name in _READ_IN_CHECKPOINTS if of_checkpoint else not child.name.endswith(_NEVER_READ))
            and child.is_file()
        )
