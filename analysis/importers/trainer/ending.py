"""How a training ended, as far as its files say; never from a share of the planned steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analysis.importers.trainer.states import State

RUNNING_S: Final = 3600.0
LOST_S: Final = 86_400.0
"""Seconds without a written file after which an unfinished training may have ended, and counts as lost. Our choice: it
writes at its checkpoints only, which are rarely more than an hour apart. A later import may find it alive."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Status of the run, why, and whether the training is known to have come to its end."""

    status: str
    reason: str | None
    is_over: bool


def ending_of(state: State | None, *, has_returned: bool, quiet_s: float) -> Ending:
    """How a training ended.

    Args:
        state: Its newest state, or None where none was saved.
        has_returned: Whether a file says that `train()` came to its end.
        quiet_s: Seconds since its last sign of life.
    """
    if state is None:
        if has_returned:
            return Ending("finished", "the result files say that train() came to its end", True)
        return Ending("unconfirmed", "no trainer_state.json says how far it came", False)
    if state.max_steps is not None and state.step >= state.max_steps:
        return Ending("finished", None, True)
    if has_returned:
        return _early(state)
    return _unfinished(state, quiet_s)


def _early(state: State) -> Ending:
    callbacks = state.content.get("stateful_callbacks")
    place = f"after {_progress(state)}"
    if isinstance(callbacks, dict) and "EarlyStoppingCallback" in callbacks:
        return Ending("finished", f"early stopping {place}", True)
    return Ending("stopped", f"train() came to its end {place}, and no rule for early stopping is in its state", True)


def _unfinished(state: State, quiet_s: float) -> Ending:
    reached = f"the newest state is of {_progress(state)}"
    if quiet_s <= RUNNING_S:
        return Ending("running", f"{reached}; files were written within the last hour", False)
    if quiet_s <= LOST_S:
        return Ending("unconfirmed", f"{reached}; no file was written for more than an hour", False)
    return Ending("lost", f"{reached}; no file was written for more than a day", False)


def _progress(state: State) -> str:
    return f"{state.step} of {state.max_steps} steps" if state.max_steps else f"{state.step} steps"
