"""Where things lie on the server's disk: for admins; others see the names of files and folders, not the way to them."""

from __future__ import annotations

from pathlib import PurePath

from analysis.wording.paths import without_folders
from pages._person import may
from runner.access.authority import NotAllowed
from runner.access.person import Role


def shown_path(path: str) -> str:
    """A path as this person may see it."""
    return path if "://" in path or may(Role.ADMIN) else PurePath(path).name


def shown_problem(problem: Exception) -> str:
    """The sentence of a problem as this person may see it: without folders, unless for an admin.

    A refusal stays whole: what it names, such as the folders to choose from, is for whoever reads it.
    """
    return str(problem) if isinstance(problem, NotAllowed) else shown_sentence(str(problem))


def shown_sentence(text: str) -> str:
    """What a process has said, such as why a job failed, as this person may see it."""
    hidden = without_folders(text)
    return text if hidden == text or may(Role.ADMIN) else hidden
