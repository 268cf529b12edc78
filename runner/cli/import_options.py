"""Options of the verbs that import logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

WATCHDOG_S: Final = 120.0
"""Seconds of silence, our choice: a page of a slow server takes a fraction of it."""

TargetsArgument = Annotated[list[str], typer.Argument(metavar="TARGET...", help="What to import.")]
PathsArgument = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders to look in.")]
MapOption = Annotated[
    Path | None, typer.Option("--map", metavar="MAP.yaml", help="What keys and metrics mean, beyond the known rules.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="List what would be imported; read and import nothing.")]
ProgressOption = Annotated[
    Path | None, typer.Option("--progress-file", metavar="FILE", help="Write what happens as lines of JSON.")
]
WatchdogOption = Annotated[
    float,
    typer.Option("--watchdog", metavar="S", min=1.0, help="Seconds of silence after which reading something is ended."),
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="W&B server (default: as wandb is set up).")
]
FilterOption = Annotated[
    str | None, typer.Option("--filter", metavar="JSON", help="Only runs of a project that fit W&B's filter.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="Only runs of a project since a date, or an age as 30d.")
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="S", help="Seconds for one request to a server.")
]
