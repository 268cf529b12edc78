"""Drives Debian's headless chromium over the DevTools protocol: just enough to look at our own pages.

Streamlit draws a page after a websocket has answered, so a plain `--screenshot` fires too early. This waits for
text, sets the width of a phone, asks for the dark colour scheme, and reads what a person would read.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess  # our own chromium, fixed arguments
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
POLL_S = 0.1
MAX_HEIGHT_PX = 6000


def find_chromium() -> str | None:
    """Return the path of a chromium on this machine, or None."""
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


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
    """One open tab. Messages are read only while a command waits, so no thread is needed."""

    socket: ClientConnection
    session_id: str
    screen: Screen
    problems: list[str] = field(default_factory=list)
    _last_id: int = 0

    def send(self, method: str, **params: object) -> Mapping[str, object]:
        """Send one protocol command and return its result.

        Raises:
            RuntimeError: when the browser refuses the command.
        """
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params, "sessionId": self.session_id}
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv(timeout=60))
            if answer.get("id") == self._last_id and answer.get("sessionId") == self.session_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: Mapping[str, object] = answer["result"]
                return result
            self._note(answer)

    def _note(self, event: Mapping[str, object]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(event.get("params"))[:500])

    def evaluate(self, expression: str) -> object:
        """Return the value of a JavaScript expression in the tab."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        remote = result["result"]
        return remote.get("value") if isinstance(remote, dict) else None

    def text(self) -> str:
        """Return the visible text of the page."""
        return str(self.evaluate("document.body.innerText"))

    def url(self) -> str:
        """Return the address as the address bar shows it."""
        return str(self.evaluate("location.href"))

    def wait_for(self, condition: str, *, timeout_s: float = 60.0) -> None:
        """Wait until a JavaScript condition holds.

        Raises:
            TimeoutError: when it does not in time; the message carries the page's text.
        """
        deadline = time.monotonic() + timeout_s
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{condition} did not hold within {timeout_s} s on {self.url()}:\n{self.text()[:2000]}"
                )
            time.sleep(POLL_S)

    def wait_for_text(self, text: str, *, timeout_s: float = 60.0) -> None:
        """Wait until the page shows a text."""
        self.wait_for(f"document.body.innerText.includes({json.dumps(text)})", timeout_s=timeout_s)

    def wait_until_drawn(self, *, timeout_s: float = 60.0) -> None:
        """Wait until Streamlit has finished its script and every chart of the page has been drawn."""
        self.wait_for(
            "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
            " && document.querySelectorAll('[data-testid=stSkeleton]').length === 0"
            " && [...document.querySelectorAll('[data-testid=stPlotlyChart]')]"
            ".every(chart => chart.querySelector('svg.main-svg'))",
            timeout_s=timeout_s,
        )
        time.sleep(0.6)  # plotly and the sidebar still move for about half a second after they are there

    def go(self, url: str, *, wait_for: str | None = None) -> None:
        """Open an address, wait for a text on it (when given) and until the page is drawn."""
        self.send("Page.navigate", url=url)
        if wait_for is not None:
            self.wait_for_text(wait_for)
        self.wait_until_drawn()

    def click(self, selector: str) -> None:
        """Click the middle of the first element that matches a CSS selector."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = self.evaluate(
            f"(() => {{const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]})()"
        )
        if not isinstance(box, list):
            raise RuntimeError(f"no box for {selector!r}")
        self.click_at(float(box[0]), float(box[1]))

    def click_at(self, x: float, y: float) -> None:
        """Press and release the left mouse button at a point in CSS pixels."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """Press one key by its name and Windows key code, for example Enter, 13."""
        extra = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **extra)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def resize(self, height: int) -> None:
        """Set the height of the screen, keeping its width."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=self.screen.width,
            height=height,
            deviceScaleFactor=2 if self.screen.phone else 1,
            mobile=self.screen.phone,
        )

    def screenshot(self, path: Path, *, whole_page: bool = True) -> None:
        """Write a PNG of the page, the part below the fold included."""
        if whole_page:  # Streamlit scrolls an inner element, so the window itself has to grow
            wanted = self.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
            height = max(self.screen.height, int(str(wanted or 0)))
            self.resize(min(height, MAX_HEIGHT_PX))
            self.wait_until_drawn()
        picture = self.send("Page.captureScreenshot", format="png")["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(str(picture)))
        if whole_page:
            self.resize(self.screen.height)


class Chromium:
    """A running headless chromium; `start_chromium` makes one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def _command(self, method: str, **params: object) -> Mapping[str, object]:
        self._socket.send(json.dumps({"id": 0, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == 0:
                result: Mapping[str, object] = answer["result"]
                return result

    @contextmanager
    def tab(self, screen: Screen) -> Iterator[Tab]:
        """Open a tab with its own cookies and storage on a given screen; it closes with the block."""
        context = self._command("Target.createBrowserContext")["browserContextId"]
        target = self._command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self._command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self._socket, str(session), screen)
        tab.send("Page.enable")
        tab.send("Runtime.enable")
        scheme = "dark" if screen.dark else "light"
        tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        tab.resize(screen.height)
        try:
            yield tab
        finally:
            self._command("Target.disposeBrowserContext", browserContextId=context)


@contextmanager
def start_chromium(binary: str) -> Iterator[Chromium]:
    """Start a headless chromium with a profile of its own; it ends, and its profile goes, with the block.

    Raises:
        TimeoutError: when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ucurve-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, a binary the caller found
            [binary, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # No pings: the browser is on this machine, and a thread that draws random numbers disturbs seeded tests.
            with connect(_devtools_address(Path(profile)), max_size=None, proxy=None, ping_interval=None) as socket:
                yield Chromium(socket)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _devtools_address(profile: Path, timeout_s: float = 60.0) -> str:
    """The address that chromium writes into its profile as soon as it listens."""
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if port_file.exists() and len(lines := port_file.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(POLL_S)
    raise TimeoutError(f"chromium did not start within {timeout_s} s")
