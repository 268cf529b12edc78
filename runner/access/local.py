"""Who asks on this machine itself: the operating system knows them, no sign-in does."""

from __future__ import annotations

import getpass
import os
from typing import Literal

from runner.access.person import Person


def command_line_person() -> Person:
    """Whoever runs this process."""
    return _owner("command line")


def local_person() -> Person:
    """Whoever sits at a dashboard without sign-in: taken for the person who started it."""
    return _owner("dashboard")


def _owner(via: Literal["command line", "dashboard"]) -> Person:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user number without a name, as in containers
        name = f"uid {os.getuid()}"
    return Person(user_id=name[:255], name=name[:255], via=via)
