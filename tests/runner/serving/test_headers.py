"""The headers of every answer: of pages, refusals, errors and WebSockets."""

from __future__ import annotations

import pytest

from runner.serving.rules import Rules
from tests.runner.serving.calls import HERE, RULES, Answer, Inner, ask, connect_socket

SECURE = Rules(origins=frozenset({"https://ucurve.example.org"}), signs_in=True, cookie_age_s=3600)


def secure_answer(*cookies: str) -> Answer:
    headers = [("set-cookie", cookie) for cookie in cookies]
    return ask("/", rules=SECURE, host="ucurve.example.org", inner=Inner(headers=headers))[0]


@pytest.mark.parametrize(
    "answer",
    [
        ask("/")[0],
        ask("/", host="evil.example")[0],
        ask("/", inner=Inner(status=500))[0],
        connect_socket(("origin", HERE))[0],
        connect_socket()[0],
    ],
    ids=["page", "refusal", "error", "socket", "refused socket"],
)
def test_every_answer_is_protected(answer: Answer) -> None:
    policy = answer.header("content-security-policy")

    for part in ("default-src 'none'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'self'"):
        assert part in policy.split("; ")
    assert "unsafe-eval" not in policy
    assert "script-src 'self';" in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "same-origin"
    assert "camera=()" in answer.header("permissions-policy")
    assert answer.header("cache-control") == "no-store"
    assert answer.all("server") == []


def test_only_scripts_that_are_known_run_inline() -> None:
    rules = Rules(origins=RULES.origins, script_hashes=("'sha256-abc'",))

    policy = ask("/", rules=rules)[0].header("content-security-policy")

    assert "script-src 'self' 'sha256-abc'" in policy.split("; ")
    assert "connect-src 'self' ws://127.0.0.1:8501 ws://localhost:8501" in policy.split("; ")


def test_files_with_a_hash_in_their_name_are_kept_by_browsers() -> None:
    assert ask("/static/js/index.abc.js")[0].header("cache-control") == "public"


def test_no_other_origin_may_read_an_answer() -> None:
    inner = Inner(headers=[("access-control-allow-origin", "*"), ("cross-origin-resource-policy", "cross-origin")])

    answer, _ = ask("/media/1", inner=inner)

    assert answer.all("access-control-allow-origin") == []
    assert answer.header("cross-origin-resource-policy") == "same-origin"


def test_https_is_kept_to() -> None:
    assert secure_answer().header("strict-transport-security") == "max-age=31536000"
    assert "wss://ucurve.example.org" in secure_answer().header("content-security-policy")
    assert ask("/")[0].all("strict-transport-security") == []


def test_cookies_go_over_https_only_and_name_nobody_for_longer_than_a_sign_in_lasts() -> None:
    answer = secure_answer(
        "_streamlit_user=x; HttpOnly; Max-Age=2592000; Path=/",
        "_streamlit_user_tokens=x; Max-Age=0",
        "_streamlit_xsrf=x; Max-Age=2592000; Secure",
    )

    assert answer.all("set-cookie") == [
        "_streamlit_user=x; HttpOnly; Max-Age=3600; Path=/; Secure",
        "_streamlit_user_tokens=x; Max-Age=0; Secure",
        "_streamlit_xsrf=x; Max-Age=2592000; Secure",
    ]


def test_cookies_on_the_loopback_are_left_as_they_are() -> None:
    inner = Inner(headers=[("set-cookie", "a=b; Path=/")])

    assert ask("/", inner=inner)[0].header("set-cookie") == "a=b; Path=/"


def test_a_provider_that_does_not_answer_is_said_so() -> None:
    inner = Inner(status=400, headers=[("content-type", "text/html")], body=b"Authentication error")

    answer, _ = ask("/auth/login", rules=SECURE, host="ucurve.example.org", inner=inner)

    assert answer.status == 503
    assert "sign-in service does not answer" in answer.text
    assert answer.header("content-length") == str(len(answer.text))
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("query", "cookie", "location"),
    [
        ("code=1&state=2", "_streamlit_user=abc; Max-Age=3600", "/"),
        ("code=1&state=2", '_streamlit_user=""; Max-Age=0', "/?sign-in=failed"),
        ("code=1&state=2", "other=1", "/?sign-in=failed"),
        ("error=access_denied", "other=1", "/?sign-in=failed"),
        ("", "other=1", "/"),
    ],
)
def test_a_sign_in_that_came_to_nothing_is_said_so(query: str, cookie: str, location: str) -> None:
    inner = Inner(status=302, headers=[("location", "/"), ("set-cookie", cookie)])

    answer, _ = ask("/oauth2callback", rules=SECURE, host="ucurve.example.org", inner=inner, query=query)

    assert answer.header("location") == location
