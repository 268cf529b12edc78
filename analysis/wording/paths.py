"""Paths in sentences: where things lie on a disk is not for everybody who may read what happened."""

from __future__ import annotations

import re
from typing import Final

_FOLDERS: Final = re.compile(r"(?<![\w.:/])/(?:[^\s/'\"]+/)+")


def without_folders(text: str) -> str:
    """A text with its absolute paths cut to their last part.

    >>> without_folders("there is no store at '/srv/team/store', see https://a.example/b/c and/or runs/x")
    "there is no store at '…/store', see https://a.example/b/c and/or runs/x"
    """
    return _FOLDERS.sub("…/", text)
