"""`ucurve` with the kind of source of the tests: `python -m tests.analysis.importers.scripted_cli import scripted`."""

from __future__ import annotations

import os
import sys

from analysis.importers import registry
from tests.analysis.importers.scripted import KIND


def main() -> None:
    """Adds the kind before the command line is made of the registry."""
    setattr(registry, "KINDS", (*registry.KINDS, KIND))  # noqa: B010 - a constant otherwise
    from analysis.importers.sink import sink
    from runner.cli.app import main as ucurve

    if most_runs := os.environ.get("SCRIPTED_MOST_RUNS"):
        setattr(sink, "_MOST_RUNS", int(most_runs))  # noqa: B010
    ucurve(sys.argv[1:])


if __name__ == "__main__":
    main()
