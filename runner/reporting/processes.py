"""Ending children with everything they have started."""

from __future__ import annotations

import contextlib
import os
import signal


def end_group(group: int) -> None:
    """Ends what is left of a process group; helpers of a program do not always end with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
