"""Brings one message to a webhook: signed, to an address that was checked, without following it anywhere else."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from runner.access.site_sections import LOOPBACK

SIGNATURE: Final = "X-Ucurve-Signature"
DELIVERY: Final = "X-Ucurve-Delivery"
WAITS_S: Final = (1.0, 5.0)
"""Before the second and the third try (our choice)."""
_TIMEOUT_S: Final = 5.0
_AGAIN: Final = frozenset({408, 425, 429})
"""Answers that ask for another try, beside the server's own errors."""
_MOST_ANSWER: Final = 65_536


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a message.

    Attributes:
        is_sent: Whether the receiver said that it took it.
        detail: In a sentence; it names the receiver's host and never the whole address, which may be a secret.
    """

    is_sent: bool
    detail: str


class _Refused(OSError):
    """The name of the receiver leads where no message goes."""


def deliver(address: str, body: bytes, key: bytes | None, *, sleep: Callable[[float], None] = time.sleep) -> Delivery:
    """Sends a message; tries again twice where the network or the receiver's server failed.

    Args:
        address: The webhook, `https`, or `http` of this machine itself.
        body: The message, JSON in UTF-8.
        key: Signs it; None: unsigned.
        sleep: Waits between tries.
    """
    parts = urlsplit(address)
    headers = _headers(body, key)
    found = Delivery(False, "nothing was tried")
    for wait_s in (0.0, *WAITS_S):
        if wait_s:
            sleep(wait_s)
        try:
            status = _post(parts, body, headers)
        except _Refused as problem:
            return Delivery(False, str(problem))
        except (OSError, http.client.HTTPException) as problem:
            found = Delivery(False, f"{parts.hostname} cannot be reached ({_short(problem)})")
            continue
        found = _judge(status, parts.hostname or "")
        if found.is_sent or not (status >= 500 or status in _AGAIN):
            return found
    return Delivery(False, f"{found.detail}, {1 + len(WAITS_S)} tries")


def sign(body: bytes, key: bytes, at: int) -> str:
    """The signature of a body at a time in seconds since 1970: `t=TIME,v1=` and the HMAC-SHA256 of `TIME.BODY`."""
    return f"t={at},v1={hmac.new(key, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def _headers(body: bytes, key: bytes | None) -> dict[str, str]:
    """The same for all tries, so that a receiver knows a message that it has by its number."""
    plain = {"Content-Type": "application/json", "User-Agent": "ucurve", DELIVERY: secrets.token_hex(16)}
    return plain if key is None else {**plain, SIGNATURE: sign(body, key, int(time.time()))}


def _judge(status: int, host: str) -> Delivery:
    if 200 <= status < 300:
        return Delivery(True, f"{host} took it ({status})")
    if 300 <= status < 400:
        return Delivery(False, f"{host} answered with a redirect ({status}), which is not followed; name its target")
    return Delivery(False, f"{host} answered {status}")


def _post(parts: SplitResult, body: bytes, headers: dict[str, str]) -> int:
    """Sends it once; the status of the answer, whose text is of no use."""
    connection = _connection(parts)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    try:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read(_MOST_ANSWER)
        return answer.status
    finally:
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    """A connection to an address that was checked: the name is not looked up a second time, and no proxy is asked."""
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    plain = _open_socket(host, port)
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_tls else plain
    except BaseException:
        plain.close()
        raise
    return connection


def _open_socket(host: str, port: int) -> socket.socket:
    problem: OSError | None = None
    for place in _places(host, port):
        try:
            return socket.create_connection((place, port), timeout=_TIMEOUT_S)
        except OSError as error:
            problem = error
    raise problem or _Refused(f"{host} leads to an address of this machine's inside, where no alert is sent")


def _places(host: str, port: int) -> Iterator[str]:
    """The addresses of a name that messages may go to."""
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        text = str(place[0])
        if may_go_to(text, named_loopback=host in LOOPBACK):
            yield text


def may_go_to(place: str, *, named_loopback: bool) -> bool:
    """Whether messages may go to a resolved address.

    A name that turns out to be this machine, its link (where clouds keep their credentials), or nobody in particular is
    a trap; only an address that says `localhost` means it. Private networks are where chats of companies live.
    """
    address = ipaddress.ip_address(place.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    if named_loopback:
        return bool(inner.is_loopback)
    return not (
        inner.is_loopback or inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner.is_reserved
    )


def _short(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLError):
        return "its certificate or TLS is wrong"
    return problem.strerror if isinstance(problem, OSError) and problem.strerror else type(problem).__name__
