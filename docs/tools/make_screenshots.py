"""Takes the pictures in docs/screenshots: `make screenshots` fills the store that they show, and runs this.

Every page at 1440 px, light; some at the width of a phone, dark. Needs chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from PIL import Image

from docs.tools.browser import Chromium, Screen, Tab, start_chromium
from docs.tools.server import ROOT, dashboard
from runner.reporting.browser import find_chromium

FOLDER: Final = ROOT / "docs" / "screenshots"
DESKTOP: Final = "desktop-light"
PHONE: Final = "phone-dark"
SCREENS: Final = {DESKTOP: Screen(width=1440, height=900), PHONE: Screen(width=390, height=844, dark=True)}
MOST_PX: Final = {DESKTOP: 1500, PHONE: 844}
_REAL: Final = "sweep=batch-and-seeds"
_DEMO: Final = "sweep=demo"
QUERIES: Final = {
    "overview": "",
    "learning_rate": _REAL,
    "batch_scaling": _REAL,
    "best_configuration": _REAL,
    "benchmarks": _DEMO,
    "what_matters": _REAL,
    "runs": _DEMO,
    "compare_runs": _DEMO,
    "data_health": "",
    "report": _DEMO,
    "launch": "",
    "queue": "",
    "audit": "",
    "import_runs": "",
}
"""Page -> what its address says on the picture: the demo's sweep, or the real table with three seeds a point."""
ON_PHONE: Final = ("overview", "learning_rate", "best_configuration")
PICTURES: Final = [(page, DESKTOP) for page in QUERIES] + [(page, PHONE) for page in ON_PHONE]
_COLORS: Final = 256
"""Of a picture's palette: the most that it can have, and a third of the bytes of none."""
_NO_FOLDER: Final = """folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, '');
}"""
"""Takes a folder out of every text of a page."""


def picture_file(page: str, screen: str) -> Path:
    """Where a page's picture is kept."""
    return FOLDER / f"{page.replace('_', '-')}-{screen}.png"


def take_pictures(chromium: Chromium, address: str, pages: set[str]) -> list[Path]:
    """Take the pictures of some pages of a dashboard that is served at an address.

    Raises:
        RuntimeError: when something went wrong on a page.
    """
    written = []
    for screen in SCREENS:
        with chromium.tab(SCREENS[screen]) as tab:
            for page in [page for page, on in PICTURES if on == screen and page in pages]:
                tab.go(f"{address}/{'' if page == 'overview' else page}?{QUERIES[page]}")
                make_ready(tab, page)
                file = picture_file(page, screen)
                tab.screenshot(file, most_px=MOST_PX[screen])
                shrink(file)
                written.append(file)
            if tab.problems:
                raise RuntimeError(f"the pages had problems: {tab.problems}")
    return written


def make_ready(tab: Tab, page: str) -> None:
    """Wait for what a page finds out beside itself, so that the picture has it; but not the checkout's folder."""
    if page == "report":
        tab.click(".st-key-report-make button")
        tab.wait_for("document.querySelector('.st-key-report-html button')", timeout_s=300)
    if page == "launch":
        tab.wait_for("document.querySelector('.st-key-launch-review-now button')?.disabled === false", timeout_s=300)
    tab.wait_until_drawn()
    tab.page.evaluate(_NO_FOLDER, f"{ROOT}/")


def shrink(file: Path) -> None:
    """Give a picture a palette."""
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder of the store to show")
    parser.add_argument("--page", action="append", choices=QUERIES, default=[], help="one page; repeat it")
    arguments = parser.parse_args()
    binary = find_chromium()
    if binary is None:
        raise SystemExit("there is no chromium on this machine; on Debian: apt install chromium")
    with dashboard(arguments.store) as address, start_chromium(binary) as chromium:
        for path in take_pictures(chromium, address, set(arguments.page or QUERIES)):
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
