"""From what a sign-in provider says to a person, with no more of it than rights depend on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from runner.access.person import Person
from runner.access.site import SiteSettings

VISITOR: Final = Person(user_id="visitor", name="visitor", via="dashboard")
"""Somebody who did not sign in."""
NAMES: Final = ("name", "preferred_username", "email", "sub")
EMAIL_VERIFIED: Final = "email_verified"
_MOST_LETTERS: Final = 255


def person_from_claims(claims: Mapping[str, object], site: SiteSettings) -> Person:
    """The person of an ID token's claims; a visitor when it names nobody.

    Args:
        claims: As the provider signed them: `sub`, `iat`, perhaps `name`, `email` and groups.
        site: Whose roles say which further claims are kept, and of them which values.
    """
    user_id = claims.get("sub")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= _MOST_LETTERS:
        return VISITOR
    email = claims.get("email")
    kept = {claim: tuple(_wanted(claims.get(claim), values)) for claim, values in site.roles.claims.items()}
    return Person(
        user_id=user_id,
        name=next((name for key in NAMES if (name := _one_line(claims.get(key)))), user_id),
        email=_one_line(email) or None,
        via="dashboard",
        signed_in_at=_seconds(claims.get("iat")),
        claims={
            EMAIL_VERIFIED: tuple(_texts(claims.get(EMAIL_VERIFIED))),
            **{claim: values for claim, values in kept.items() if values},
        },
    )


def needed_claims(claims: Mapping[str, object], site: SiteSettings) -> dict[str, object]:
    """The claims that `person_from_claims` reads, so that a cookie need not carry ten thousand groups."""
    plain = {key: claims[key] for key in ("sub", "iat", *NAMES, EMAIL_VERIFIED) if key in claims}
    mapped = {claim: list(_wanted(claims.get(claim), values)) for claim, values in site.roles.claims.items()}
    return {**plain, **mapped}


def _wanted(claim: object, values: Iterable[str]) -> list[str]:
    given = set(_texts(claim))
    return [value for value in values if value in given]


def _texts(claim: object) -> list[str]:
    """A claim as texts: booleans and numbers as JSON writes them."""
    if isinstance(claim, list | tuple):
        return [text for part in claim for text in _texts(part)]
    if isinstance(claim, bool):
        return [str(claim).lower()]
    return [str(claim)] if isinstance(claim, str | int | float) else []


def _one_line(claim: object) -> str:
    text = claim if isinstance(claim, str) else ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_MOST_LETTERS]


def _seconds(claim: object) -> float:
    """When the token was made; the beginning of time, and so too long ago, for one that does not say."""
    good = isinstance(claim, int | float) and not isinstance(claim, bool) and math.isfinite(claim)
    return float(claim) if good and isinstance(claim, int | float) else 0.0
