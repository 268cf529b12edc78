"""Whether a target is a place on this machine or a project on a server."""

from __future__ import annotations

import re
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.places import existing_path

_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_PATH: Final = re.compile(r"[/.~]|.*(?:/|\\|\.wandb)$|.*/\.{0,2}/", re.DOTALL)
"""Begins with `/`, `.` or `~`, ends with `/` or `.wandb`, or has an empty name or dots between two slashes."""
_PROJECT: Final = re.compile(r"[^/\\:?#%\x00-\x1f]+(?:/[^/\\:?#%\x00-\x1f]+){1,3}")
"""`entity/project`, with a run id or `runs/` and a run id; no name at W&B holds one of these characters."""


def is_url(target: str) -> bool:
    """Whether it is an address."""
    return _URL.match(target) is not None


def is_local(target: str) -> bool:
    """Whether a target is a file or folder here; what exists as a path is one, whatever else it could be.

    Raises:
        ConfigError: it is neither a path at which there is something nor the name of a project.
    """
    if is_url(target):
        return False
    try:
        existing_path(target or "\0")  # an empty text would be the current folder
    except (ConfigError, OSError, ValueError, RuntimeError):
        if _PROJECT.fullmatch(target) and not _PATH.match(target):
            return False
    else:
        return True
    if _PATH.match(target):
        raise ConfigError(f"there is no file or folder {target!r}; name a wandb folder or a .wandb file")
    raise ConfigError(
        f"{target!r} is neither a file or folder here nor a project on a server; "
        "check the path, or write entity/project or entity/project/run_id"
    )
