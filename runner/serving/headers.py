"""The headers of every answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runner.serving.rules import Rules

Header = tuple[bytes, bytes]

# What each line costs when it is missing: docs/deploy.md. `unsafe-inline` for styles: Streamlit writes its styles as
# style elements while it draws, and plotly writes style attributes into its pictures.
_POLICY: Final = {
    "default-src": "'none'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' blob:",
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "object-src": "'none'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
}
_FEATURES: Final = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
_FIXED: Final = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",  # for what does not know frame-ancestors
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": ", ".join(f"{feature}=()" for feature in _FEATURES).encode(),
}
_REMOVED: Final = frozenset({b"server", b"access-control-allow-origin", b"access-control-allow-credentials", *_FIXED})
_YEAR_S: Final = 365 * 24 * 3600
_SIGNED_IN: Final = b"_streamlit_user"


class AnswerHeaders:
    """Adds what protects an answer, and takes away what says too much.

    Args:
        rules: Whose origins the page may talk to.
    """

    def __init__(self, rules: Rules) -> None:
        sockets = sorted(origin.replace("http", "ws", 1) for origin in rules.origins)
        policy = {
            **_POLICY,
            "script-src": " ".join(["'self'", *rules.script_hashes]),
            "connect-src": " ".join(["'self'", *sockets]),  # 'self' does not cover ws: in older browsers
        }
        self._rules = rules
        self._added = {
            **_FIXED,
            b"content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()).encode(),
        }
        if rules.is_encrypted:
            self._added[b"strict-transport-security"] = f"max-age={_YEAR_S}".encode()

    def of(self, given: Iterable[Header], path: str) -> list[Header]:
        """The headers of an answer from that path."""
        kept = [
            (name, self._cookie(value) if name.lower() == b"set-cookie" else value)
            for name, value in given
            if name.lower() not in _REMOVED and name.lower() not in self._added
        ]
        if not path.startswith("/static/"):  # these have their content's hash in their names
            kept = [(name, value) for name, value in kept if name.lower() != b"cache-control"]
            kept.append((b"cache-control", b"no-store"))
        return [*kept, *self._added.items()]

    def _cookie(self, cookie: bytes) -> bytes:
        """A cookie that goes over https only where there is https, and names its person no longer than a sign-in lasts.

        Streamlit sets neither: its cookies are not Secure and last for 30 days.
        """
        parts = [part.strip() for part in cookie.split(b";")]
        age_s = self._rules.cookie_age_s
        if age_s is not None and parts[0].startswith(_SIGNED_IN):
            parts = [_at_most(part, age_s) for part in parts]
        if self._rules.is_encrypted and not any(part.lower() == b"secure" for part in parts):
            parts.append(b"Secure")
        return b"; ".join(parts)


def _at_most(attribute: bytes, age_s: int) -> bytes:
    name, _, value = attribute.partition(b"=")
    if name.lower() == b"max-age" and value.isdigit() and int(value) > age_s:
        return b"Max-Age=%d" % age_s
    return attribute
