"""The environment of a reading process: whatever it caches or writes lies in its own folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import analysis

_PRIVATE: Final = (
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "WANDB_DIR",
    "WANDB_CACHE_DIR",
    "WANDB_CONFIG_DIR",
    "WANDB_DATA_DIR",
    "WANDB_ARTIFACT_DIR",
)
_SHELL: Final = frozenset({"PWD", "OLDPWD"})
"""The shell's folders: of no use, and their names sound like passwords."""
USER_HOME: Final = "UCURVE_USER_HOME"
"""Environment variable of the reading process: the user's own home, for settings files that hold a server's key."""
USER_WANDB_CONFIG: Final = "UCURVE_USER_WANDB_CONFIG_DIR"
"""The user's own `WANDB_CONFIG_DIR`, where one is set."""


def private_environment(folder: Path) -> dict[str, str]:
    """This process's environment with `folder` for everything that libraries write."""
    home = Path.home()
    code = str(Path(analysis.__file__).parents[1])
    inherited = {name: value for name, value in os.environ.items() if name not in _SHELL}
    netrc = next((str(path) for path in (home / ".netrc", home / "_netrc") if path.exists()), None)
    extra = {
        "PYTHONPATH": os.pathsep.join(filter(None, (code, inherited.get("PYTHONPATH")))),
        USER_HOME: str(home),
        "WANDB_ERROR_REPORTING": "false",
    }
    if "WANDB_CONFIG_DIR" in inherited:
        extra[USER_WANDB_CONFIG] = inherited["WANDB_CONFIG_DIR"]
    if netrc is not None:
        extra["NETRC"] = inherited.get("NETRC", netrc)
    return inherited | dict.fromkeys(_PRIVATE, str(folder)) | extra
