"""Sends a guard what a server would, and keeps what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.serving.asgi import Message, Receive, Scope, Send
from runner.serving.guard import Guard
from runner.serving.rules import Rules

HERE = "http://127.0.0.1:8501"
RULES = Rules(origins=frozenset({HERE, "http://localhost:8501"}))
Headers = Sequence[tuple[str, str]]


@dataclass
class Inner:
    """Stands in for the dashboard: remembers who reached it, answers what it was told to."""

    status: int = 200
    headers: Headers = (("content-type", "text/html"), ("server", "inner"), ("cache-control", "public"))
    reached: list[Scope] = field(default_factory=list)
    body: bytes = b""
    parts: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "headers": []})
            await receive()
            return
        while True:
            message = await receive()
            self.parts.append(message)
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": self.status, "headers": encoded(self.headers)})
        await send({"type": "http.response.body", "body": self.body})


@dataclass
class Answer:
    """What came back."""

    messages: list[Message]

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    def all(self, name: str) -> list[str]:
        return [value.decode() for key, value in self.messages[0]["headers"] if key.decode().lower() == name]

    def header(self, name: str) -> str:
        (value,) = self.all(name)
        return value


def ask(
    path: str = "/",
    *headers: tuple[str, str],
    rules: Rules = RULES,
    inner: Inner | None = None,
    method: str = "GET",
    host: str | None = "127.0.0.1:8501",
    query: str = "",
    bodies: Sequence[bytes] = (b"",),
) -> tuple[Answer, Inner]:
    """One HTTP request."""
    inner = inner or Inner()
    hosts = [("host", host)] if host is not None else []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": encoded([*hosts, *headers]),
        "client": ("127.0.0.1", 50_000),
    }
    incoming: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": number + 1 < len(bodies)}
        for number, body in enumerate(bodies)
    ]
    return Answer(asyncio.run(_exchange(Guard(inner, rules), scope, incoming))), inner


def connect_socket(
    *headers: tuple[str, str], rules: Rules = RULES, host: str = "127.0.0.1:8501", path: str = "/_stcore/stream"
) -> tuple[Answer, Inner]:
    """One WebSocket that is closed at once."""
    inner = Inner()
    incoming: list[dict[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    scope = socket_scope([("host", host), *headers], path)
    return Answer(asyncio.run(_exchange(Guard(inner, rules), scope, incoming))), inner


def socket_scope(headers: Headers, path: str = "/_stcore/stream", client: str = "127.0.0.1") -> Scope:
    """What a server says of a WebSocket that is being opened."""
    return {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": encoded(headers),
        "client": (client, 50_000),
        "extensions": {"websocket.http.response": {}},
    }


def encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


async def _exchange(guard: Guard, scope: Scope, incoming: list[dict[str, Any]]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent
