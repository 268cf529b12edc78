"""SIGTERM, SIGINT and SIGHUP to the worker: the first asks for a clean end, the second for one at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Asked:
    """How often the worker was asked to end."""

    def __init__(self) -> None:
        self._times = 0

    @property
    def to_end(self) -> bool:
        """Whether to end, cleanly."""
        return self._times > 0

    @property
    def to_end_at_once(self) -> bool:
        """Whether to end without waiting for the job."""
        return self._times > 1

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """Handles a signal."""
        self._times += 1


@contextmanager
def listening() -> Iterator[Asked]:
    """What the worker is asked while the block runs; the handlers are put back afterwards."""
    asked = Asked()
    before = {number: signal.signal(number, asked.hear) for number in _ENDING}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
