"""Says in words that a sign-in came to nothing, where Streamlit says "Authentication error" or nothing at all."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from runner.serving.asgi import Message, Scope, Send
from runner.serving.plain import sentence, text_headers
from runner.serving.rules import CALLBACK, SIGN_IN

FAILED: Final = ("sign-in", "failed")
"""What the address of the page says after a failure, as key and value."""
_NO_PROVIDER: Final = sentence(
    "the sign-in service does not answer just now; go back, wait a moment and try again, or ask the admin"
)
_COOKIE: Final = b"_streamlit_user="
_GONE: Final = b"max-age=0"


def explained(send: Send, scope: Scope) -> Send:
    """The way to send an answer, which tells of failures at the two addresses of the sign-in."""
    if scope["path"] == SIGN_IN:
        return _explained_start(send)
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    if scope["path"] == CALLBACK and ("code" in asked or "error" in asked):
        return _explained_end(send)
    return send


def _explained_start(send: Send) -> Send:
    """The provider could not be asked."""
    failed = False

    async def answer(message: Message) -> None:
        nonlocal failed
        if message["type"] == "http.response.start" and message["status"] >= 400:
            failed = True
            message = {**message, "status": 503, "headers": text_headers(_NO_PROVIDER)}
        elif failed and message["type"] == "http.response.body":
            last = not message.get("more_body")
            message = {"type": "http.response.body", "body": _NO_PROVIDER if last else b"", "more_body": not last}
        await send(message)

    return answer


def _explained_end(send: Send) -> Send:
    """The provider's answer was none, or not to be believed, and nobody is signed in."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start" and not _signs_in(message["headers"]):
            said = [
                (name, _with_failure(value) if name == b"location" else value) for name, value in message["headers"]
            ]
            message = {**message, "headers": said}
        await send(message)

    return answer


def _signs_in(headers: list[tuple[bytes, bytes]]) -> bool:
    cookies = [value for name, value in headers if name == b"set-cookie" and value.startswith(_COOKIE)]
    return any(_GONE not in cookie.lower() for cookie in cookies)


def _with_failure(location: bytes) -> bytes:
    return location + (b"&" if b"?" in location else b"?") + "=".join(FAILED).encode()
