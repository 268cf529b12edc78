"""Why a request is not for the dashboard: decided from its head alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import cookie_parser

from runner.serving.rules import SIGN_IN, SIGN_OUT, STREAM, UPLOAD, Cookies, Rules

Scope = Mapping[str, Any]

_READS: Final = frozenset({"GET", "HEAD"})
_UPLOADS: Final = frozenset({"PUT", "DELETE"})
_FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The answer to a request that the dashboard never sees."""

    status: int
    text: str


_NOTHING: Final = Refusal(status=404, text="there is nothing here")
TOO_MANY: Final = Refusal(status=429, text="too many pages of this dashboard are open; close some and reload")


def refusal_of(scope: Scope, rules: Rules) -> Refusal | None:
    """What a request or WebSocket is refused with; None for one that is let through."""
    hosts, origins = header_values(scope, b"host"), header_values(scope, b"origin")
    if len(hosts) != 1 or hosts[0].lower() not in rules.hosts:
        known = " or ".join(sorted(rules.origins))
        return Refusal(status=403, text=f"this dashboard is served as {known} and under no other name or port")
    if any(origin.lower() not in rules.origins for origin in origins):
        return Refusal(status=403, text="a page of another origin may not talk to this dashboard")
    path = str(scope["path"])
    if not rules.path_is_open(path):
        return _NOTHING
    if scope["type"] == "websocket":
        return _socket_refusal(path, origins)
    return _use_refusal(scope, path) or _request_refusal(scope, path, origins, rules)


def _socket_refusal(path: str, origins: list[str]) -> Refusal | None:
    if path != STREAM:
        return _NOTHING
    if len(origins) != 1:  # browsers always say it
        return Refusal(status=403, text="a WebSocket must say its origin")
    return None


def _request_refusal(scope: Scope, path: str, origins: list[str], rules: Rules) -> Refusal | None:
    uploads = path.startswith(UPLOAD)
    if scope["method"] not in _READS and not (uploads and scope["method"] in _UPLOADS):
        return Refusal(status=405, text="this method is not served here")
    if uploads and not (len(origins) == 1 and rules.may_upload(_cookies(scope))):
        return Refusal(status=403, text="sign in before sending files")
    sizes = header_values(scope, b"content-length")
    if any(not size.isdecimal() or int(size) > rules.most_body_bytes for size in sizes):
        return Refusal(status=413, text="this is too large")
    return None


def _use_refusal(scope: Scope, path: str) -> Refusal | None:
    """Whether a page of another site loads a part of ours, shows it in a frame, or signs somebody out.

    Source: the resource isolation policy of W3C "Fetch Metadata Request Headers".
    """
    if not _FOREIGN_SITES.intersection(header_values(scope, b"sec-fetch-site")):
        return None
    navigates = header_values(scope, b"sec-fetch-mode") == ["navigate"]
    opens_page = navigates and header_values(scope, b"sec-fetch-dest") == ["document"]
    if opens_page and path not in (SIGN_IN, SIGN_OUT):
        return None
    return Refusal(status=403, text="a page of another site may link to this dashboard, and nothing else")


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Every value that a request gives a header, in its order."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _cookies(scope: Scope) -> Cookies:
    return {name: value for line in header_values(scope, b"cookie") for name, value in cookie_parser(line).items()}
