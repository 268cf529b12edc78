"""A limit on how long a call of the client may take: some of them wait for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")
_LOOK_S: Final = 0.05
_SIGN_S: Final = 1.0


class OutOfPatience(Exception):
    """A call did not end in time; it goes on in a thread that nobody waits for."""


class _Outcome(Generic[_T]):
    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self.done = threading.Event()
        self.value: _T
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self._call()
        except BaseException as error:  # whoever waits raises it again
            self.error = error
        finally:
            self.done.set()


def within(
    seconds: float, call: Callable[[], _T], *, alive: Callable[[], object], moving: Callable[[], int] | None = None
) -> _T:
    """What `call` returns or raises.

    Args:
        seconds: How long it may take.
        call: Runs in a thread of its own.
        alive: Called about every second meanwhile.
        moving: A number that changes while something happens, such as the bytes on the disk; each change gives the call
            its full time again.

    Raises:
        OutOfPatience: it took longer.
    """
    outcome = _Outcome(call)
    threading.Thread(target=outcome.run, daemon=True).start()
    seen = moving() if moving is not None else 0
    ends = time.monotonic() + seconds
    sign = time.monotonic() + _SIGN_S
    while not outcome.done.wait(_LOOK_S):
        now = time.monotonic()
        if moving is not None and (newer := moving()) != seen:
            seen, ends = newer, now + seconds
        if now >= ends:
            raise OutOfPatience
        if now >= sign:
            alive()
            sign = now + _SIGN_S
    if outcome.error is not None:
        raise outcome.error
    return outcome.value
