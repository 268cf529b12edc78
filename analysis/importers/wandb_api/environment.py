"""The environment of wandb's client in this process: short retries, silence, and folders that are never reused."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from analysis.importers.isolation.process import USER_HOME, USER_WANDB_CONFIG

_RETRIES: Final = {
    # Short: a server that is down must not cost minutes for each run. A `Retry-After` is waited for all the same.
    # In whole seconds: wandb-core takes a fraction of one for its default of 2.
    "WANDB_X_GRAPHQL_RETRY_MAX": "3",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "2",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "2",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "2",
}
_QUIET: Final = {
    "WANDB_SILENT": "true",
    "WANDB_QUIET": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
}
_FOLDERS: Final = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR")


@cache
def prepare_environment() -> None:
    """Sets up this process for wandb's client: short retries, silence, and folders of its own that are never reused.

    wandb's helper process reads the environment once, at its start.
    """
    folder = _private_folder()
    os.environ.pop("WANDB_SERVICE", None)  # the helper process of whoever started this one, with its own folders
    os.environ.update(_QUIET, **dict.fromkeys(_FOLDERS, folder.name))
    for name, value in _RETRIES.items():
        os.environ.setdefault(name, value)
    _PRIVATE.append(folder)
    home = os.environ.get(USER_HOME)
    if home is not None:  # a reading process has a private home; what the user set stands in the real one
        default = str(Path(home) / ".config" / "wandb")
        os.environ["WANDB_CONFIG_DIR"] = os.environ.get(USER_WANDB_CONFIG, default)


_PRIVATE: Final[list[tempfile.TemporaryDirectory[str]]] = []
"""Deleted when the process ends."""


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ucurve-wandb-", ignore_cleanup_errors=True)


def configured_server() -> str | None:
    """The server that the environment or wandb's settings file names, else None."""
    prepare_environment()
    import wandb

    named = os.environ.get("WANDB_BASE_URL") or wandb.setup().settings.base_url
    return str(named) if named else None
