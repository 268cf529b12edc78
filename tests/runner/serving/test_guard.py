"""What never reaches the dashboard, and what every answer carries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runner.serving.asgi import Message
from runner.serving.guard import Guard
from runner.serving.rules import Cookies, Rules, hosts_of
from tests.runner.serving.calls import HERE, RULES, Inner, ask, connect_socket, socket_scope

SECURE = Rules(origins=frozenset({"https://ucurve.example.org"}), signs_in=True, cookie_age_s=3600)
NAMED = {"rules": SECURE, "host": "ucurve.example.org"}
UPLOAD = "/_stcore/upload_file/session/file"


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "LOCALHOST:8501"])
def test_a_page_of_this_dashboard_is_let_through(host: str) -> None:
    answer, inner = ask("/runs", host=host)

    assert answer.status == 200
    assert len(inner.reached) == 1


@pytest.mark.parametrize(
    "host", [None, "", "evil.example:8501", "127.0.0.1", "127.0.0.1:8502", "localhost:8501.evil.example", "[::1]:8501"]
)
def test_a_foreign_host_is_refused_before_the_dashboard_sees_it(host: str | None) -> None:
    answer, inner = ask(host=host)
    opened, behind = connect_socket(("origin", HERE), host=host or "")

    assert answer.status == opened.status == 403
    assert "served as http://127.0.0.1:8501 or http://localhost:8501" in answer.text
    assert inner.reached == behind.reached == []


def test_two_hosts_are_refused() -> None:
    answer, inner = ask("/", ("host", "evil.example"))

    assert answer.status == 403
    assert inner.reached == []


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8501", "http://localhost:1234", ""]
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    answer, inner = ask("/", ("origin", origin))
    opened, behind = connect_socket(("origin", origin))

    assert answer.status == opened.status == 403
    assert inner.reached == behind.reached == []


def test_a_socket_opens_for_our_own_pages_only() -> None:
    opened, inner = connect_socket(("origin", HERE))
    without, behind = connect_socket()
    twice, _ = connect_socket(("origin", HERE), ("origin", HERE))
    elsewhere, _ = connect_socket(("origin", HERE), path="/other")

    assert opened.messages[0]["type"] == "websocket.accept"
    assert len(inner.reached) == 1
    assert without.status == twice.status == 403
    assert elsewhere.status == 404
    assert behind.reached == []


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/metrics/",
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/interact",
        "/_stcore/script-health-check",
        "/_stcore/bidi-components/x",
        "/_stcore/anything-new",
        "/app/static/report.html",
        "/component/x/index.html",
        "/auth/login",
        "/auth/logout",
        "/oauth2callback",
    ],
)
def test_what_nobody_needs_is_closed(path: str) -> None:
    answer, inner = ask(path)

    assert answer.status == 404
    assert inner.reached == []


@pytest.mark.parametrize(
    "path", ["/_stcore/health", "/_stcore/host-config", "/static/js/a.js", "/media/1.png", "/runs"]
)
def test_what_the_page_needs_is_open(path: str) -> None:
    assert ask(path)[0].status == 200


def test_the_sign_in_is_open_where_there_is_one() -> None:
    assert ask("/auth/login", **NAMED)[0].status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_pages_are_only_read(method: str) -> None:
    answer, inner = ask("/", ("origin", HERE), method=method)

    assert answer.status == 405
    assert inner.reached == []


def test_files_are_taken_from_our_own_pages_and_those_who_may() -> None:
    def only_ada(cookies: Cookies) -> bool:
        return cookies.get("who") == "ada"

    guarded = replace(RULES, may_upload=only_ada)
    own, cookie = ("origin", HERE), ("cookie", "a=b; who=ada")

    assert ask(UPLOAD, own, cookie, rules=guarded, method="PUT")[0].status == 200
    assert ask(UPLOAD, own, rules=guarded, method="PUT")[0].status == 403
    assert ask(UPLOAD, own, ("cookie", "who=bob"), rules=guarded, method="DELETE")[0].status == 403
    assert ask(UPLOAD, cookie, rules=guarded, method="PUT")[0].status == 403


def test_a_large_request_is_refused_or_ends() -> None:
    small = replace(RULES, most_body_bytes=10, may_upload=lambda _: True)
    own = ("origin", HERE)
    said, _ = ask(UPLOAD, own, ("content-length", "11"), rules=small, method="PUT")
    wrong, _ = ask(UPLOAD, own, ("content-length", "²"), rules=small, method="PUT")
    _, inner = ask(UPLOAD, own, rules=small, method="PUT", bodies=(b"123456", b"789012", b"x"))

    assert said.status == wrong.status == 413
    assert [part["type"] for part in inner.parts] == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_link_here_and_nothing_else(site: str) -> None:
    def use(path: str, mode: str, kind: str) -> int:
        headers = (("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", kind))
        return ask(path, *headers, **NAMED)[0].status  # type: ignore[arg-type]

    assert use("/runs", "navigate", "document") == 200
    assert use("/oauth2callback", "navigate", "document") == 200
    assert use("/runs", "navigate", "iframe") == 403
    assert use("/media/1.csv", "no-cors", "script") == 403
    assert use("/auth/logout", "navigate", "document") == 403
    assert use("/auth/login", "navigate", "document") == 403


def test_a_client_has_no_more_open_pages_than_allowed() -> None:
    async def open_three() -> list[Message]:
        guard = Guard(Inner(), replace(RULES, most_connections=2))
        leave = asyncio.Event()
        sent: list[Message] = []

        async def page(client: str) -> None:
            messages = [{"type": "websocket.connect"}]

            async def receive() -> Message:
                if messages:
                    return messages.pop()
                await leave.wait()
                return {"type": "websocket.disconnect"}

            async def send(message: Message) -> None:
                sent.append(message)

            headers = [("host", "127.0.0.1:8501"), ("origin", HERE)]
            await guard(socket_scope(headers, client=client), receive, send)

        first = [asyncio.create_task(page("10.0.0.1")) for _ in range(2)]
        await asyncio.sleep(0)
        await page("10.0.0.1")
        other = asyncio.create_task(page("10.0.0.2"))
        await asyncio.sleep(0)
        leave.set()
        await asyncio.gather(*first, other)
        await page("10.0.0.1")
        return [message for message in sent if not message["type"].endswith(".body")]

    kinds = [message.get("status", message["type"]) for message in asyncio.run(open_three())]
    assert sorted(map(str, kinds)) == ["429", *["websocket.accept"] * 4]


def test_hosts_of_the_default_port() -> None:
    assert hosts_of("http://localhost:80") == {"localhost", "localhost:80"}
    assert hosts_of("https://a.example:8443") == {"a.example:8443"}
    assert ask(rules=SECURE, host="ucurve.example.org:443")[0].status == 200
    assert ask(rules=SECURE, host="ucurve.example.org:80")[0].status == 403


def test_the_life_of_the_server_is_passed_on() -> None:
    inner = Inner()

    async def live() -> None:
        async def never() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            pass

        await Guard(inner, RULES)({"type": "lifespan"}, never, send)

    asyncio.run(live())
    assert inner.reached[0]["type"] == "lifespan"
