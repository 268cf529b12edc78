"""Which requests the dashboard answers, and which it never sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

UPLOAD: Final = "/_stcore/upload_file/"
STREAM: Final = "/_stcore/stream"
SIGN_IN: Final = "/auth/login"
SIGN_OUT: Final = "/auth/logout"
CALLBACK: Final = "/oauth2callback"
_CORE: Final = "/_stcore/"
_OPEN_IN_CORE: Final = frozenset({"/_stcore/health", "/_stcore/host-config", STREAM})
_CLOSED: Final = ("/app/", "/component/")
_SIGN_IN_PATHS: Final = frozenset({SIGN_IN, SIGN_OUT, CALLBACK})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Cookies = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a guard lets through.

    Attributes:
        origins: Scheme, host and port of the pages that may talk to the dashboard, as browsers write them.
        signs_in: Whether there is a sign-in, so that its addresses are open.
        may_upload: Whether the browser with these cookies may send files.
        cookie_age_s: How long a browser keeps who signed in; None where nobody does.
        script_hashes: CSP hashes of the inline scripts that the dashboard's own page has.
        most_body_bytes: Most bytes of one request.
        most_connections: Most open WebSockets of one client address; 0: no limit.
    """

    origins: frozenset[str]
    signs_in: bool = False
    may_upload: Callable[[Cookies], bool] = bool
    cookie_age_s: int | None = None
    script_hashes: Sequence[str] = ()
    most_body_bytes: int = 24 * 1024 * 1024
    most_connections: int = 0

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header of a request may be."""
        return frozenset(host for origin in self.origins for host in hosts_of(origin))

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers come by https only."""
        return all(origin.startswith("https://") for origin in self.origins)

    def path_is_open(self, path: str) -> bool:
        """Whether anything at all is served there."""
        if path.startswith(_CORE):
            return path in _OPEN_IN_CORE or path.startswith(UPLOAD)
        if path in _SIGN_IN_PATHS:
            return self.signs_in
        return not path.startswith(_CLOSED)


def hosts_of(origin: str) -> frozenset[str]:
    """The Host headers that belong to an origin.

    >>> sorted(hosts_of("https://ucurve.example.org"))
    ['ucurve.example.org', 'ucurve.example.org:443']
    """
    parts = urlsplit(origin)
    default = _DEFAULT_PORTS[parts.scheme]
    if parts.port in (None, default):
        bare = parts.netloc.removesuffix(f":{default}")
        return frozenset({bare, f"{bare}:{default}"})
    return frozenset({parts.netloc})
