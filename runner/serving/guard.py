"""The outermost ASGI layer: refuses what is foreign before the dashboard sees it, and adds headers to every answer."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from runner.serving.asgi import ASGIApp, Message, Receive, Scope, Send
from runner.serving.headers import AnswerHeaders
from runner.serving.plain import sentence, text_headers
from runner.serving.refusals import TOO_MANY, Refusal, refusal_of
from runner.serving.rules import Rules
from runner.serving.sign_in import explained

_log = logging.getLogger(__name__)

_STARTS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Guard:
    """Wraps an ASGI application.

    Args:
        app: The application.
        rules: What is let through to it.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._headers = AnswerHeaders(rules)
        self._connections: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        answer = self._with_headers(send, path)
        refusal = refusal_of(scope, self._rules)
        if refusal is not None:
            _log.info("refused %r: %s", path[:200], refusal.text)
            await _refuse(scope, answer, refusal)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, answer)
        else:
            await self._app(scope, self._limited(receive), explained(answer, scope))

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket, counted for its client as long as it is open."""
        client = str((scope.get("client") or ("",))[0])
        if 0 < self._rules.most_connections <= self._connections[client]:
            await _refuse(scope, send, TOO_MANY)
            return
        self._connections[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._connections[client] -= 1
            if not self._connections[client]:
                del self._connections[client]

    def _limited(self, receive: Receive) -> Receive:
        """A body that ends, as if its sender had gone, when it becomes too long."""
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return message if seen <= self._rules.most_body_bytes else {"type": "http.disconnect"}

        return limited

    def _with_headers(self, send: Send, path: str) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] in _STARTS:
                message = {**message, "headers": self._headers.of(message.get("headers", ()), path)}
            await send(message)

        return answer


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    body = sentence(refusal.text)
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": text_headers(body)})
    await send({"type": f"{kind}.body", "body": b"" if scope.get("method") == "HEAD" else body})
