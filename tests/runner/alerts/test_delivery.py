"""How a message travels: signed, tried again, never to where a name must not lead, and never after a redirect."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket

import pytest

from runner.alerts.delivery import DELIVERY, SIGNATURE, WAITS_S, Delivery, deliver, may_go_to
from tests.runner.alerts.receiver import receiving

KEY = b"k" * 32
BODY = '{"text": "demo – finished"}'.encode()


def send(url: str, key: bytes | None = KEY) -> tuple[Delivery, list[float]]:
    """What came of it, and how long was waited."""
    waits: list[float] = []
    return deliver(url, BODY, key, sleep=waits.append), waits


def test_a_message_arrives_as_it_was_signed() -> None:
    with receiving() as receiver:
        found, waits = send(receiver.url)

    assert found == Delivery(True, "127.0.0.1 took it (200)")
    assert (receiver.bodies, receiver.paths, waits) == ([BODY], ["/hooks/very-secret-token?a=1"], [])
    signed = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", receiver.headers[0][SIGNATURE])
    assert signed
    assert signed[2] == hmac.new(KEY, f"{signed[1]}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_without_a_key_there_is_no_signature() -> None:
    with receiving() as receiver:
        assert send(receiver.url, None)[0].is_sent

    assert SIGNATURE not in receiver.headers[0]


def test_a_server_that_fails_is_tried_again_with_the_same_message() -> None:
    with receiving(503, 429, 204) as receiver:
        found, waits = send(receiver.url)

    assert found.is_sent
    assert waits == list(WAITS_S)
    assert len({headers[DELIVERY] for headers in receiver.headers}) == 1
    assert len(receiver.bodies) == 3


def test_after_two_more_tries_it_gives_up_and_keeps_the_address_to_itself() -> None:
    with receiving(500) as receiver:
        found, _ = send(receiver.url)

    assert found == Delivery(False, "127.0.0.1 answered 500, 3 tries")
    assert len(receiver.bodies) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_receiver_that_says_no_is_not_asked_again(status: int) -> None:
    with receiving(status) as receiver:
        found, waits = send(receiver.url)

    assert found == Delivery(False, f"127.0.0.1 answered {status}")
    assert (len(receiver.bodies), waits) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiving(status) as receiver:
        found, _ = send(receiver.url)

    assert not found.is_sent
    assert "redirect" in found.detail
    assert len(receiver.bodies) == 1


def test_nobody_there_is_said_without_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found, waits = send(f"http://127.0.0.1:{unused.getsockname()[1]}/very-secret-token")

    assert not found.is_sent
    assert found.detail == "127.0.0.1 cannot be reached (Connection refused), 3 tries"
    assert waits == list(WAITS_S)


def test_tls_that_is_none_sends_nothing() -> None:
    with receiving() as receiver:
        found, _ = send(receiver.url.replace("http:", "https:").replace("127.0.0.1", "localhost"))

    assert not found.is_sent
    assert receiver.bodies == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_to_this_machine_is_a_trap(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
        found, waits = send(f"{scheme}://hooks.example.org:{port}/x")

    assert (found.is_sent, receiver.bodies, waits) == (False, [], [])
    assert "no alert is sent" in found.detail


def test_the_address_that_was_checked_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []
    real = socket.getaddrinfo

    def look_up(host: object, *rest: object, **named: object) -> object:
        looked_up.append(host)
        return real(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with receiving() as receiver:
        assert send(receiver.url.replace("127.0.0.1", "localhost"))[0].is_sent
    assert [host for host in looked_up if host == "localhost"] == ["localhost"]


@pytest.mark.parametrize(
    ("place", "is_named", "may"),
    [
        ("203.0.114.7", False, True),
        ("10.1.2.3", False, True),
        ("127.0.0.1", False, False),
        ("127.0.0.1", True, True),
        ("::1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - nothing binds it
        ("224.0.0.1", False, False),
        ("10.1.2.3", True, False),
    ],
)
def test_where_messages_may_go(place: str, is_named: bool, may: bool) -> None:
    assert may_go_to(place, named_loopback=is_named) is may
