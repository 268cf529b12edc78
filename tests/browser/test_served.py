"""What the served dashboard offers to the network, without a browser."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol


def ask(request: urllib.request.Request) -> tuple[int, str]:
    """Status and text of an answer, refusals included."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


@pytest.mark.parametrize(
    "path", ["agent/interact", "agent/mcp", "agent/openapi.json", "metrics", "script-health-check"]
)
def test_what_could_press_buttons_or_tell_of_others_is_closed(address: str, path: str) -> None:
    call = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}'
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Origin": address}
    url = f"{address}/_stcore/{path}"

    asked, text = ask(urllib.request.Request(url, headers=headers))  # noqa: S310 - our own server
    posted, _ = ask(urllib.request.Request(url, data=call, headers=headers, method="POST"))  # noqa: S310

    assert (asked, posted) == (404, 404)
    assert text == "There is nothing here.\n"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1234", None])
def test_a_foreign_page_cannot_open_a_session(address: str, origin: Origin | None) -> None:
    with pytest.raises(InvalidStatus, match="403"), open_session(address, origin):
        pass


def test_our_own_page_can_open_a_session(address: str) -> None:
    with open_session(address, Origin(address)) as socket:
        assert socket.response is not None
        assert "frame-ancestors 'none'" in socket.response.headers["Content-Security-Policy"]


def test_a_name_that_leads_here_is_no_way_in(address: str) -> None:
    status, text = ask(urllib.request.Request(address, headers={"Host": "evil.example"}))  # noqa: S310 - our own server

    assert status == 403
    assert "under no other name or port" in text


def test_nobody_learns_which_server_this_is(address: str) -> None:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own server
        assert answer.headers["Server"] is None
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@contextmanager
def open_session(address: str, origin: Origin | None) -> Iterator[ClientConnection]:
    stream = address.replace("http://", "ws://") + "/_stcore/stream"
    with connect(stream, origin=origin, subprotocols=[Subprotocol("streamlit")], proxy=None) as socket:
        yield socket


def test_only_this_machine_is_served(address: str) -> None:
    port = urlsplit(address).port
    assert port is not None
    own_address = _outward_address()
    if own_address is None:
        pytest.skip("this machine has no address besides the loopback")

    with pytest.raises(OSError), socket.create_connection((own_address, port), timeout=2):  # noqa: PT011
        pass


def _outward_address() -> str | None:
    """The address this machine would use towards a network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
