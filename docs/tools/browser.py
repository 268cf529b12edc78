"""Our own pages in the machine's chromium, through playwright: what Streamlit needs beyond it, and what went wrong.

Streamlit draws a page after a websocket has answered, so a page that has loaded is not there yet: this waits for text
and charts, and notes everything that a developer's console would show in red.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, sync_playwright

POLL_MS: Final = 100
SETTLE_MS: Final = 600
"""Plotly and the sidebar still move for about half a second after they are there."""
_OURS: Final = frozenset({"127.0.0.1", "localhost", ""})
"""Hosts of this machine; nothing of ours asks another one. The last is that of data: and blob: addresses."""
_PROBE: Final = re.compile(r"/\w+/_stcore/(health|host-config)$")
"""Streamlit looks for its server below the page's own address first, and finds it above."""
DRAWN: Final = (
    "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
    " && document.querySelectorAll('[data-testid=stSkeleton]').length === 0"
    " && [...document.querySelectorAll('[data-testid=stPlotlyChart]')]"
    ".every(chart => chart.querySelector('svg.main-svg'))"
)
"""Streamlit's script has ended, and every chart is drawn."""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A screen to look from: size in CSS pixels and the colour scheme the system asks for."""

    width: int = 1440
    height: int = 900
    dark: bool = False

    @property
    def phone(self) -> bool:
        """Whether the screen is narrow enough to be a phone."""
        return self.width < 600


@dataclass
class Tab:
    """One open tab: playwright's `page`, and what Streamlit's pages need beside it."""

    page: Page
    screen: Screen
    problems: list[str] = field(default_factory=list)
    """Errors of the page and of its console, failed requests, and requests to other machines."""

    def __post_init__(self) -> None:
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)[:500]))
        self.page.on("request", self._note_request)
        self.page.on("requestfailed", self._note_failure)
        self.page.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _PROBE.search(message.location["url"]):
            self.problems.append(f"console: {message.text[:500]}")

    def _note_request(self, request: Request) -> None:
        if (urlsplit(request.url).hostname or "") not in _OURS:
            self.problems.append(f"request to elsewhere: {request.url}")

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # another page was opened meanwhile
            self.problems.append(f"{request.failure}: {request.url}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and not _PROBE.search(response.url):
            self.problems.append(f"status {response.status}: {response.url}")

    def evaluate(self, expression: str) -> object:
        """Return the value of a JavaScript expression in the tab."""
        value: object = self.page.evaluate(expression)
        return value

    def text(self) -> str:
        """Return the visible text of the page."""
        return self.page.inner_text("body")

    def url(self) -> str:
        """Return the address as the address bar shows it."""
        return str(self.evaluate("location.href"))

    def wait_for(self, condition: str, *, timeout_s: float = 60.0) -> None:
        """Wait until a JavaScript condition holds; playwright's own waiting needs `eval`, which our pages forbid.

        Raises:
            TimeoutError: when it does not in time; the message carries the page's text.
        """
        deadline = time.monotonic() + timeout_s
        while not self._holds(condition):
            if time.monotonic() > deadline:
                text = self.text()[-2000:]  # the sidebar comes first
                raise TimeoutError(f"{condition} did not hold within {timeout_s} s on {self.url()}:\n{text}")
            self.page.wait_for_timeout(POLL_MS)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.page.evaluate(f"Boolean({condition})"))
        except Error as error:
            if "navigat" in str(error) or "context was destroyed" in str(error):
                return False  # the page changes just now
            raise

    def wait_for_text(self, text: str, *, timeout_s: float = 60.0) -> None:
        """Wait until the page shows a text."""
        self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})", timeout_s=timeout_s)

    def wait_until_drawn(self, *, timeout_s: float = 60.0) -> None:
        """Wait until Streamlit has finished its script and every chart of the page has been drawn."""
        self.wait_for(DRAWN, timeout_s=timeout_s)
        self.page.wait_for_timeout(SETTLE_MS)

    def go(self, url: str, *, wait_for: str | None = None) -> None:
        """Open an address, wait for a text on it (when given) and until the page is drawn."""
        self.page.goto(url, wait_until="commit")
        if wait_for is not None:
            self.wait_for_text(wait_for)
        self.wait_until_drawn()

    def click(self, selector: str) -> None:
        """Click the first element that matches a CSS selector, as soon as it can be clicked."""
        self.page.locator(selector).first.click()

    def click_at(self, x: float, y: float) -> None:
        """Press and release the left mouse button at a point in CSS pixels."""
        self.page.mouse.click(x, y)

    def type(self, text: str) -> None:
        """Put a text where the focus is, as a paste does."""
        self.page.keyboard.insert_text(text)

    def press(self, key: str) -> None:
        """Press one key by its name, for example Enter."""
        self.page.keyboard.press(key)

    def screenshot(self, path: Path, *, most_px: int) -> None:
        """Write a PNG of the page, the part below the fold included, up to a height in CSS pixels."""
        wanted = self.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
        height = min(max(self.screen.height, int(str(wanted or 0))), most_px)
        self._resize(height)  # Streamlit scrolls an inner element, so the window itself has to grow
        self.wait_until_drawn()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        self._resize(self.screen.height)

    def _resize(self, height: int) -> None:
        self.page.set_viewport_size({"width": self.screen.width, "height": height})


@dataclass(frozen=True)
class Chromium:
    """A running headless chromium; `start_chromium` makes one."""

    browser: Browser

    @contextmanager
    def tab(self, screen: Screen) -> Iterator[Tab]:
        """Open a tab with its own cookies and storage on a given screen; it closes with the block."""
        with self.browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if screen.dark else "light",
            device_scale_factor=2 if screen.phone else 1,
            is_mobile=screen.phone,
            has_touch=screen.phone,
        ) as context:
            yield Tab(context.new_page(), screen)


@contextmanager
def start_chromium(binary: str) -> Iterator[Chromium]:
    """Start a headless chromium with a profile of its own; it ends, and its profile goes, with the block.

    While it runs, `asyncio.run` does not work in the same thread: playwright keeps its own loop there.
    """
    flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=binary, args=flags)
        yield Chromium(browser)
        browser.close()
