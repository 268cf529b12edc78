"""What the served dashboard offers to the network, without a browser."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol


def ask(request: urllib.request.Request) -> tuple[int, str]:
    """Status and text of an answer, refusals included."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


@pytest.mark.parametrize("route", ["interact", "mcp"])
def test_the_agent_interface_is_off(address: str, route: str) -> None:
    call = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}'
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    url = f"{address}/_stcore/agent/{route}"
    request = urllib.request.Request(url, data=call, headers=headers, method="POST")  # noqa: S310 - our own server

    status, text = ask(request)

    assert status >= 400
    assert "does not serve the agent API" in text


@pytest.mark.parametrize(("origin", "accepted"), [("http://evil.example", False), (None, True)])
def test_a_foreign_page_cannot_open_a_session(address: str, origin: Origin | None, *, accepted: bool) -> None:
    stream = address.replace("http://", "ws://") + "/_stcore/stream"

    if accepted:
        with connect(stream, origin=origin, subprotocols=[Subprotocol("streamlit")], proxy=None):
            return
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(stream, origin=origin, subprotocols=[Subprotocol("streamlit")], proxy=None),
    ):
        pass


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
