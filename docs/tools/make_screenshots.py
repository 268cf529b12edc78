"""Takes the pictures of the dashboard: `python -m docs.tools.make_screenshots --store DIR`, from the repository's root.

Every page, at 1440 px and at the width of a phone, light and dark. Needs chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from docs.tools.browser import Screen, find_chromium, start_chromium
from docs.tools.server import ROOT, dashboard

PAGES: Final = {
    "overview": "/",
    "learning-rate": "/learning_rate",
    "batch-scaling": "/batch_scaling",
    "best-configuration": "/best_configuration",
    "what-matters": "/what_matters",
    "runs": "/runs",
}
"""File name -> address of each page."""

SCREENS: Final = {
    "desktop-light": Screen(width=1440, height=900),
    "desktop-dark": Screen(width=1440, height=900, dark=True),
    "phone-light": Screen(width=390, height=844),
    "phone-dark": Screen(width=390, height=844, dark=True),
}


def take_screenshots(store: Path, folder: Path, *, query: str = "") -> list[Path]:
    """Take one picture per page and screen.

    Args:
        store: Folder of the store to show.
        folder: Where the PNG files go.
        query: Filters as they stand in the address bar, without the question mark.

    Returns:
        The files written.

    Raises:
        RuntimeError: when there is no chromium.
    """
    binary = find_chromium()
    if binary is None:
        raise RuntimeError("there is no chromium on this machine; on Debian: apt install chromium")
    written = []
    with dashboard(store) as address, start_chromium(binary) as chromium:
        for screen_name, screen in SCREENS.items():
            with chromium.tab(screen) as tab:
                for page_name, path in PAGES.items():
                    tab.go(f"{address}{path}?{query}" if query else f"{address}{path}")
                    written.append(folder / f"{page_name}-{screen_name}.png")
                    tab.screenshot(written[-1])
    return written


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder of the store to show")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots", help="folder for the PNG files")
    parser.add_argument(
        "--query", default="", help="filters as in the address bar, for example sweep=demo&metric=eval_bpb"
    )
    arguments = parser.parse_args()
    for path in take_screenshots(arguments.store.resolve(), arguments.out.resolve(), query=arguments.query):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
