"""The command line `ucurve`. Starting it imports neither torch nor transformers nor streamlit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

_INTERRUPTED: Final = 130
"""As a shell reports a process that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> None:
    """As `runner.cli.app.main`; Ctrl-C while that is still being loaded ends quietly, too."""
    try:
        from runner.cli.app import main as run  # takes a while, in which somebody may think better of it
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run(arguments)
