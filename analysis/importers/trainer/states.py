"""The states that a Trainer saved: the newest sound one says everything that the earlier ones said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from analysis.importers.logged_rows import step_of
from analysis.importers.run_files import UnreadableFileError, read_json_object
from analysis.importers.trainer.output_folder import STATE_FILE, OutputFolder

Entry = dict[str, object]
"""One entry of `log_history`: values by name, with their `step`."""
END_MARK: Final = "train_runtime"
"""Logged once, by `train()` itself when it returns."""


@dataclass(frozen=True, slots=True)
class State:
    """One `trainer_state.json`.

    Attributes:
        place: The folder that it lies in.
        step: Optimizer steps done.
        max_steps: Optimizer steps that were planned, or None.
        log: Its `log_history`.
        content: Everything in it.
    """

    place: Path
    step: int
    max_steps: int | None
    log: Sequence[Entry]
    content: Entry

    @property
    def has_returned(self) -> bool:
        """Whether `train()` came to its end at this step."""
        return any(END_MARK in entry and step_of(entry.get("step")) == self.step for entry in self.log)


@dataclass(frozen=True, slots=True)
class Damage:
    """A state that cannot be read.

    Attributes:
        place: The folder that it lies in.
        number: Number of the checkpoint, None for the output folder itself.
        reason: What is wrong, as half a sentence.
    """

    place: Path
    number: int | None
    reason: str


def load_states(folder: OutputFolder) -> tuple[list[list[State]], list[Damage]]:
    """The states of an output folder apart by training, the newest first everywhere, and those that cannot be read.

    A state whose log begins a newer one's is of the same training; its log is not held. A folder that was used twice
    has checkpoints of two trainings: those of the older one that were not overwritten contradict the newer ones.
    """
    places: list[tuple[int | None, Path]] = [(None, folder.path)] if folder.has(STATE_FILE) else []
    trainings: list[list[State]] = []
    damage = []
    for number, place in [*places, *folder.checkpoints]:
        try:
            _file_under(_state(place), trainings)
        except UnreadableFileError as problem:
            damage.append(Damage(place, number, str(problem)))
    for training in trainings:
        training[1:] = sorted(training[1:], key=_progress, reverse=True)
    trainings.sort(key=lambda training: _progress(training[0]), reverse=True)
    return trainings, damage


def _file_under(state: State, trainings: list[list[State]]) -> None:
    """Puts a state into its training, as the first where it is the newest."""
    for training in trainings:
        older, newer = sorted((training[0], state), key=_progress)
        if _begins(older, newer):
            training[0] = newer
            training.append(replace(older, log=()))
            return
    trainings.append([state])


def _progress(state: State) -> tuple[int, bool, int]:
    return state.step, state.has_returned, len(state.log)


def _state(place: Path) -> State:
    content = read_json_object(place / STATE_FILE)
    step, log = step_of(content.get("global_step")), content.get("log_history")
    if step is None or not isinstance(log, list):
        raise UnreadableFileError(f"{STATE_FILE} is not one of a Trainer: it has no global_step or log_history")
    entries = [entry if isinstance(entry, dict) else {"": entry} for entry in log]
    return State(place, step, step_of(content.get("max_steps")) or None, entries, content)


def with_later_entries(states: list[State], log: Iterable[Entry]) -> list[State]:
    """The states of a training, the newest continued by what a tool logged after it was saved."""
    newest = states[0]
    later = [entry for entry in log if (step := step_of(entry.get("step"))) is not None and step > newest.step]
    if not later:
        return states
    step = max(step_of(entry.get("step")) or 0 for entry in later)
    return [replace(newest, step=step, log=[*newest.log, *later]), *states]


def _begins(older: State, newer: State) -> bool:
    """Whether the older log is how the newer one began.

    What was logged after the end of `train()` is in the older log only: a training that is continued with more steps
    goes on from its last checkpoint, which was saved before.
    """
    end = next((index for index, entry in enumerate(older.log) if END_MARK in entry), len(older.log))
    one, other = older.log[:end], newer.log[:end]
    return one == other or _text(one) == _text(other)


def _text(entries: Sequence[Entry]) -> str:
    """A text that is equal where NaN stands in the same places, too."""
    return json.dumps(entries, sort_keys=True)
