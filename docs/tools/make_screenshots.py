"""Takes the pictures of the dashboard: `python -m docs.tools.make_screenshots --store DIR`, from the repository's root.

Every page, at 1440 px and at the width of a phone, light and dark. Needs chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docs.tools.browser import Screen, find_chromium, start_chromium
from docs.tools.server import ROOT, dashboard

PAGES: Final = {
    path.stem.replace("_", "-"): "/" if path.stem == "overview" else f"/{path.stem}"
    for path in sorted((ROOT / "pages").glob("[a-z]*.py"))
}
"""File name -> address of each page."""

SCREENS: Final = {
    "desktop-light": Screen(width=1440, height=900),
    "desktop-dark": Screen(width=1440, height=900, dark=True),
    "phone-light": Screen(width=390, height=844),
    "phone-dark": Screen(width=390, height=844, dark=True),
}


def take_screenshots(
    store: Path, folder: Path, *, query: str = "", pages: Sequence[str] = (), screens: Sequence[str] = ()
) -> list[Path]:
    """Take one picture per page and screen.

    Args:
        store: Folder of the store to show.
        folder: Where the PNG files go.
        query: Filters as they stand in the address bar, without the question mark.
        pages: Names in `PAGES`; none takes all.
        screens: Names in `SCREENS`; none takes all.

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
        for screen_name in screens or SCREENS:
            with chromium.tab(SCREENS[screen_name]) as tab:
                for page_name in pages or PAGES:
                    path = PAGES[page_name]
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
    parser.add_argument("--page", action="append", choices=PAGES, default=[], help="one page; repeat it [default: all]")
    parser.add_argument("--screen", action="append", choices=SCREENS, default=[], help="likewise")
    arguments = parser.parse_args()
    for path in take_screenshots(
        arguments.store.resolve(),
        arguments.out.resolve(),
        query=arguments.query,
        pages=arguments.page,
        screens=arguments.screen,
    ):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
