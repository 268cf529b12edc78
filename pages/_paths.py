"""Where things lie on the server's disk: for admins; others see the names of files and folders, not the way to them."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from pages._person import may
from runner.access.person import Role

_FOLDERS: Final = re.compile(r"(?<![\w.:/])/(?:[^\s/'\"]+/)+")


def shown_path(path: str) -> str:
    """A path as this person may see it."""
    return path if "://" in path or may(Role.ADMIN) else PurePath(path).name


def shown_problem(problem: Exception) -> str:
    """The sentence of a problem as this person may see it: without folders, unless for an admin."""
    text = str(problem)
    return text if may(Role.ADMIN) else without_folders(text)


def without_folders(text: str) -> str:
    """A text with its absolute paths cut to their last part.

    >>> without_folders("there is no store at '/srv/team/store', see https://a.example/b/c and/or runs/x")
    "there is no store at '…/store', see https://a.example/b/c and/or runs/x"
    """
    return _FOLDERS.sub("…/", text)
