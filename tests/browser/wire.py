"""A browser without a screen: HTTP with cookies, and Streamlit's WebSocket, which lets one send what no page offers."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

TIMEOUT_S: Final = 60.0
XSRF: Final = "_streamlit_xsrf"
USER: Final = "_streamlit_user"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Of one HTTP request, redirects followed."""

    status: int
    url: str
    text: str
    headers: Message


class WireBrowser:
    """Cookies, and what is sent with them.

    Args:
        origin: Of the dashboard.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def ask(
        self, url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        """Send a request; a refusal is an answer too."""
        request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)  # noqa: S310 - our own servers
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return _answer(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _answer(refusal)

    def cookie(self, name: str) -> Cookie | None:
        """A cookie by its name."""
        return next((cookie for cookie in self.cookies if cookie.name == name), None)

    def set_cookie(self, name: str, value: str) -> None:
        """Put a cookie for the dashboard into the jar, over an older one of its name."""
        domain = next((cookie.domain for cookie in self.cookies), "localhost.local")
        self.cookies.set_cookie(
            Cookie(0, name, value, None, False, domain, False, False, "/", True, False, None, True, None, None, {})
        )

    def cookie_header(self) -> str:
        """As a browser sends them to the dashboard; cookies know no ports."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    @contextmanager
    def session(
        self, *, origin: str | None = None, xsrf: str | None = None, path: str = "", query: str = ""
    ) -> Iterator[WireSession]:
        """Open a page and wait until it is there.

        Args:
            origin: What the browser says the page comes from; the dashboard's own by default.
            xsrf: The token; the cookie's by default.
            path: Name of the page in its address; empty for the first.
            query: What stands after `?`.
        """
        self.ask(f"{self.origin}/_stcore/health")
        known = self.cookie(XSRF)
        token = xsrf if xsrf is not None else (known.value if known and known.value else "none")
        with connect(
            self.origin.replace("http", "ws", 1) + "/_stcore/stream",
            origin=Origin(origin or self.origin),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
            additional_headers={"Cookie": self.cookie_header()},
            max_size=None,
            proxy=None,
        ) as socket:
            session = WireSession(socket, path, query)
            session.rerun()
            yield session

    def sign_in(self, user: str) -> Answer:
        """As the button does: off to the provider, who believes, and back."""
        with self.session() as session:
            session.rerun(session.press("sign-in"))
            redirect = session.redirect
        form = self.ask(urllib.parse.urljoin(self.origin, redirect))
        return self.ask(form.url, method="POST", body=urllib.parse.urlencode({"sub": user}).encode())


@dataclass
class WireSession:
    """One open page."""

    socket: ClientConnection
    path: str
    query: str
    text: str = ""
    redirect: str = ""
    session_id: str = ""
    widgets: dict[str, str] = field(default_factory=dict)

    def rerun(self, *states: WidgetState) -> str:
        """Send what widgets say, wait until the page is there again, and return it as protocol buffers print it."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.path
        message.rerun_script.widget_states.widgets.extend(states)
        self.socket.send(message.SerializeToString())
        parts: list[str] = []
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(bytes(self.socket.recv(timeout=TIMEOUT_S)))
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                parts.clear()
                self.session_id = answer.new_session.initialize.session_id or self.session_id
            elif kind == "delta":
                parts.append(str(answer.delta))
                self._learn(parts[-1])
            elif kind == "auth_redirect":
                self.redirect = answer.auth_redirect.url
            elif kind == "script_finished" and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self.text = "\n".join(parts)
                return self.text

    def press(self, key: str) -> WidgetState:
        """The state of a button that is being pressed."""
        return WidgetState(id=self.id_of(key), trigger_value=True)

    def say(self, key: str, text: str) -> WidgetState:
        """The state of a widget that holds a text."""
        return WidgetState(id=self.id_of(key), string_value=text)

    def id_of(self, key: str) -> str:
        """The id of the widget with a key of ours, as seen on this or an earlier run."""
        return self.widgets[key]

    def _learn(self, delta: str) -> None:
        for widget_id in re.findall(r'id: "(\$\$ID-[^"]+)"', delta):
            key = re.fullmatch(r"\$\$ID-[0-9a-f]+-(.+)", widget_id)
            if key is not None:
                self.widgets[key.group(1)] = widget_id


def _answer(answer: urllib.request.addinfourl | urllib.error.HTTPError) -> Answer:  # type: ignore[name-defined]
    text = answer.read().decode("utf-8", errors="replace")
    return Answer(status=int(answer.status or 0), url=str(answer.url), text=text, headers=answer.headers)
