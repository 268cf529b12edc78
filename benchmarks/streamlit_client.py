"""A browser's side of Streamlit's WebSocket without a browser: opens pages, changes widgets, runs the live parts.

Fifty of these fit into one process. What a browser would draw is counted, not drawn.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

WidgetValue: TypeAlias = str | float | bool | list[str]

_TIMEOUT_S: Final = 120.0
_SMALL_BUFFER: Final = 4096
_VALUES: Final = {
    "selectbox": "string_value",
    "radio": "string_value",
    "text_input": "string_value",
    "multiselect": "string_array_value",
    "button_group": "string_array_value",
    "checkbox": "bool_value",
    "number_input": "double_value",
    "pagination": "int_value",
    "button": "trigger_value",
}
"""Kind of element -> the field of a widget's state that holds its value."""
_ENDS: Final = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class SessionError(RuntimeError):
    """The server ended a script badly or did not end it in time."""


@dataclass(slots=True)
class Rerun:
    """What came of one request.

    Attributes:
        seconds: From the request to the end of the script's messages.
        first_s: From the request to the first element of the page.
        n_bytes: Size of everything received.
        problems: Texts of exceptions and red boxes on the page.
        texts: All that is said in Markdown, for asserting that it is the right page.
    """

    seconds: float = 0.0
    first_s: float | None = None
    n_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def note(self, message: ForwardMsg, after_s: float) -> None:
        """Take one message of the script into account."""
        if message.WhichOneof("type") != "delta" or message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        self.first_s = after_s if self.first_s is None else self.first_s
        match element.WhichOneof("type"):
            case "exception":
                self.problems.append(f"{element.exception.type}: {element.exception.message}")
            case "alert" if element.alert.format == element.alert.ERROR:
                self.problems.append(element.alert.body)
            case "markdown":
                self.texts.append(element.markdown.body)
            case "heading":
                self.texts.append(element.heading.body)


class Session:
    """One open tab. `open_session` makes one."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._widgets: dict[str, WidgetState] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._live: dict[str, float] = {}
        self._page, self._query = "", ""
        self._page_hash = ""

    async def open(self, page: str, query: str = "") -> Rerun:
        """Go to a page, `""` being the first one, by its address.

        Raises:
            SessionError: the script did not end.
        """
        self._page, self._query, self._page_hash = page, query, ""
        self._known.clear()
        self._live.clear()
        return await self._run(self._request())

    async def choose(self, key: str, value: WidgetValue) -> Rerun:
        """Change the widget with this key, as a reader would.

        Raises:
            SessionError: there is no such widget, or the script did not end.
        """
        if key not in self._known:
            raise SessionError(f"no widget {key!r} on page {self._page!r}; there are: {sorted(self._known)}")
        widget_id, kind = self._known[key]
        state = WidgetState(id=widget_id)
        if kind == "string_array_value":
            state.string_array_value.data.extend(value if isinstance(value, list) else [str(value)])
        else:
            setattr(state, kind, value)
        self._widgets[widget_id] = state
        rerun = await self._run(self._request())
        if kind == "trigger_value":
            del self._widgets[widget_id]
        return rerun

    async def rerun(self) -> Rerun:
        """Run the page's script again, nothing changed."""
        return await self._run(self._request())

    async def look(self, seconds: float) -> list[Rerun]:
        """Stay on the page for some seconds; its live parts run as often as they ask to, as in a browser."""
        until = time.monotonic() + seconds
        due = {fragment: time.monotonic() + interval for fragment, interval in self._live.items()}
        reruns = []
        while due and (first := min(due, key=due.__getitem__)) and due[first] < until:
            await asyncio.sleep(max(0.0, due[first] - time.monotonic()))
            reruns.append(await self._run(self._request(first)))
            due = {name: due.get(name, 0.0) for name in self._live}
            due[first] = time.monotonic() + self._live.get(first, seconds)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        return reruns

    @property
    def query(self) -> str:
        """What the address bar says behind the question mark."""
        return self._query

    @property
    def widget_keys(self) -> list[str]:
        """Keys of the page's widgets that can be changed here."""
        return sorted(self._known)

    def _request(self, fragment: str = "") -> BackMsg:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_name, state.page_script_hash = self._query, self._page, self._page_hash
        state.widget_states.widgets.extend(self._widgets.values())
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        state.context_info.timezone, state.context_info.color_scheme = "UTC", "light"
        return message

    async def _run(self, request: BackMsg) -> Rerun:
        started, rerun = time.perf_counter(), Rerun()
        await self._connection.send(request.SerializeToString())
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                while True:
                    payload = await self._connection.recv()
                    message = ForwardMsg.FromString(payload if isinstance(payload, bytes) else payload.encode())
                    rerun.n_bytes += len(payload)
                    rerun.note(message, time.perf_counter() - started)
                    if self._learn(message):
                        break
        except TimeoutError as problem:
            raise SessionError(f"page {self._page!r} did not finish within {_TIMEOUT_S:.0f} s") from problem
        rerun.seconds = time.perf_counter() - started
        return rerun

    def _learn(self, message: ForwardMsg) -> bool:
        """Keep what a browser keeps of a message; says whether it was the script's last one."""
        match message.WhichOneof("type"):
            case "script_finished":
                return message.script_finished in _ENDS
            case "navigation":
                self._page_hash = message.navigation.page_script_hash
            case "page_info_changed":
                self._query = message.page_info_changed.query_string
            case "auto_rerun":
                self._live[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                self._learn_widget(message.delta.new_element)
        return False

    def _learn_widget(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind in _VALUES:
            widget_id = getattr(element, kind).id
            self._known[widget_id.split("-", 2)[-1]] = (widget_id, _VALUES[kind])


@asynccontextmanager
async def open_session(address: str) -> AsyncIterator[Session]:
    """A tab on the dashboard at `http://HOST:PORT`, connected as a browser of that address would be."""
    stream = address.replace("http://", "ws://") + "/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    async with connect(stream, origin=Origin(address), subprotocols=protocols, max_size=None, proxy=None) as connection:
        yield Session(connection)


@dataclass(slots=True)
class StuckReader:
    """A tab that reads nothing; how often it has asked for its page."""

    n_asked: int = 0


@asynccontextmanager
async def stuck_reader(address: str, page: str = "runs", *, asks_every_s: float = 1.0) -> AsyncIterator[StuckReader]:
    """A tab that asks for its page again and again and reads nothing of it: what the server sends has to wait.

    The socket's buffer is small and the library takes one message at most, so that both are full after a page or two.
    """
    stuck, request = StuckReader(), BackMsg()
    request.rerun_script.page_name = page
    endpoint = socket.socket()
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)  # before it connects, or it is too late
    endpoint.connect((urlsplit(address).hostname, urlsplit(address).port))
    connection = await connect(
        address.replace("http://", "ws://") + "/_stcore/stream", sock=endpoint, origin=Origin(address), max_size=None,
        subprotocols=[Subprotocol("streamlit")], max_queue=1, proxy=None, ping_interval=None, close_timeout=0.1,
    )  # fmt: skip

    async def ask() -> None:
        while True:
            await connection.send(request.SerializeToString())
            stuck.n_asked += 1
            await asyncio.sleep(asks_every_s)

    asking = asyncio.create_task(ask())
    try:
        yield stuck
    finally:
        asking.cancel()
        connection.transport.abort()
