"""Connections that bring no request do not stay; those that do are answered, however many requests they bring."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from runner.serving import patience
from runner.serving.asgi import Receive, Scope, Send
from runner.serving.patience import ImpatientProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "still here"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(patience, "HEAD_WITHIN_S", 0.3)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=ImpatientProtocol, ws="websockets-sansio", lifespan="off", log_level="error")
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield int(listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: "])
def test_a_head_that_never_ends_is_not_waited_for(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as held:
        held.sendall(sent)
        assert held.recv(100) == b""


def test_neither_is_the_second_one_of_a_connection(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as held:
        for _ in range(2):
            held.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += held.recv(1000)
        held.sendall(REQUEST[:-2])
        assert held.recv(100) == b""


def test_a_websocket_stays(port: int) -> None:
    from websockets.sync.client import connect

    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as held,
        connect(f"ws://127.0.0.1:{port}/", proxy=None) as open_page,
    ):
        assert held.recv(1) == b"", "the time has passed"
        open_page.send("?")
        assert open_page.recv(timeout=30) == "still here"
