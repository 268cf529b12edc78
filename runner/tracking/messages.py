"""What a tracker is told about a run; plain values, so that they can wait for their turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Begin:
    """A run began."""

    run_id: str
    name: str
    attempt: int
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers at an optimizer step."""

    run_id: str
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class End:
    """A run ended.

    Attributes:
        status: As in the store.
        summary: What is to stand in the summary besides the last values.
    """

    run_id: str
    status: str
    summary: Mapping[str, object]


Message: TypeAlias = Begin | Values | End
