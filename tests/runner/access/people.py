"""People who ask, and site files that say what they may."""

from __future__ import annotations

import time
from pathlib import Path

from runner.access.person import Person

SITE = """
[sign_in]
provider = "https://login.example.org/.well-known/openid-configuration"
client_id = "ucurve"
secrets_file = "secrets.toml"
[roles]
default = "viewer"
deny = ["mallory"]
[roles.users]
root = "admin"
mallory = "admin"
"carol@example.org" = "launcher"
[roles.claims.groups]
ml = "launcher"
leads = "admin"
"""


def write_site(folder: Path, text: str = SITE) -> Path:
    file = folder / "ucurve.toml"
    file.write_text(text, encoding="utf-8")
    return file


def member(
    user_id: str, *, age_s: float = 0, email: str | None = None, verified: str = "true", groups: tuple[str, ...] = ()
) -> Person:
    """Somebody who signed in a while ago."""
    return Person(
        user_id=user_id,
        name=user_id.title(),
        email=email,
        via="dashboard",
        signed_in_at=time.time() - age_s,
        claims={"email_verified": (verified,), "groups": groups},
    )
