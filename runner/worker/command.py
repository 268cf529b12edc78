"""The command line that does a job."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

SPEC: Final = "spec.yaml"
STATUS: Final = "status.json"
CONTROL: Final = "control.json"
LOG: Final = "log.txt"
RESULT: Final = "result.json"
"""Names of the files in the folder of an attempt."""

MakeCommand: TypeAlias = Callable[[Path, Path], list[str]]
"""From the store's folder and the attempt's to a program and its arguments."""


def sweep_command(store: Path, folder: Path) -> list[str]:
    """Trains the sweep file in the attempt's folder."""
    return [
        sys.executable,
        "-m",
        "runner.cli",
        "sweep",
        str(folder / SPEC),
        f"--store={store}",
        "--json",
        f"--status-file={folder / STATUS}",
        f"--control-file={folder / CONTROL}",
    ]
