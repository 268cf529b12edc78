"""The trainings in an output folder: usually one; two where the folder was used a second time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.importers.run_files import UnreadableFileError, read_json_object
from analysis.importers.trainer.identity import identity_of
from analysis.importers.trainer.log_rows import late_values
from analysis.importers.trainer.output_folder import RESULT_FILES, OutputFolder
from analysis.importers.trainer.settings import Settings, read_settings
from analysis.importers.trainer.states import END_MARK, Entry, State


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        states: Its states, the newest first; none where only arguments or a model were saved.
        settings: How it was configured.
        results: What the result files say of it.
    """

    states: Sequence[State]
    settings: Settings
    results: Mapping[str, object]

    @property
    def newest(self) -> State | None:
        """Its newest state."""
        return self.states[0] if self.states else None

    @cached_property
    def identity(self) -> str:
        """What it is told from others by."""
        log = [] if self.newest is None else self.newest.log
        return identity_of(self.settings.arguments.settings, self.settings.adapter, log, self.results)

    @cached_property
    def log(self) -> list[Entry]:
        """Its log, with what only the result files say."""
        return [] if self.newest is None else [*self.newest.log, *late_values(self.newest, self.results)]

    @property
    def has_returned(self) -> bool:
        """Whether a file says that `train()` came to its end, at its newest state."""
        if self.newest is None:
            return END_MARK in self.results
        return self.newest.has_returned or any(END_MARK in entry for entry in self.log[len(self.newest.log) :])

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to take: a log, an end, or a model without any state."""
        return self.newest is None or bool(self.newest.log) or self.newest.step == self.newest.max_steps


def trainings_in(folder: OutputFolder, found: Sequence[Sequence[State]]) -> Iterator[Training]:
    """The trainings of a folder, from their states. What lies beside the checkpoints is the newest one's."""
    newest, *older = found or [[]]
    places = dict.fromkeys([*(state.place for state in newest), *folder.places])
    yield Training(newest, read_settings(places), _results(folder))
    for states in older:
        yield Training(states, read_settings(state.place for state in states), {})


def _results(folder: OutputFolder) -> dict[str, object]:
    """Contents of the result files; one that cannot be read says only what the log says, too."""
    results: dict[str, object] = {}
    for name in RESULT_FILES:
        try:
            results |= read_json_object(folder.path / name)
        except UnreadableFileError:
            continue
    return results
