"""Where things lie on the server's disk: for admins; others see the names of files and folders, not the way to them."""

from __future__ import annotations

from pathlib import PurePath

from analysis.wording.paths import without_folders
from pages._person import may
from runner.access.person import Role


def shown_path(path: str) -> str:
    """A path as this person may see it."""
    return path if "://" in path or may(Role.ADMIN) else PurePath(path).name


def shown_problem(problem: Exception) -> str:
    """The sentence of a problem as this person may see it: without folders, unless for an admin."""
    text = str(problem)
    return text if may(Role.ADMIN) else without_folders(text)
