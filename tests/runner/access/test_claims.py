"""From an ID token to a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.access.claims import VISITOR, needed_claims, person_from_claims
from runner.access.site import SiteSettings, read_site
from tests.runner.access.people import write_site


@pytest.fixture
def site(tmp_path: Path) -> SiteSettings:
    return read_site(write_site(tmp_path))


def test_a_person_of_full_claims(site: SiteSettings) -> None:
    claims = {
        "sub": "s1",
        "iat": 1_700_000_000,
        "name": "Ada",
        "email": "ada@example.org",
        "email_verified": True,
        "groups": ["ml", "others"],
    }

    person = person_from_claims(claims, site)

    assert (person.user_id, person.name, person.email) == ("s1", "Ada", "ada@example.org")
    assert person.signed_in_at == 1_700_000_000
    assert person.claims == {"email_verified": ("true",), "groups": ("ml",)}


@pytest.mark.parametrize("sub", [None, "", 7, "x" * 256, ["a"]])
def test_without_a_subject_it_is_a_visitor(site: SiteSettings, sub: object) -> None:
    assert person_from_claims({"sub": sub, "iat": 1}, site) == VISITOR


@pytest.mark.parametrize("iat", [None, "1700000000", True, float("nan"), float("inf")])
def test_a_token_that_does_not_say_when_is_from_long_ago(site: SiteSettings, iat: object) -> None:
    assert person_from_claims({"sub": "a", "iat": iat}, site).signed_in_at == 0.0


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({}, "s1"),
        ({"preferred_username": "ada"}, "ada"),
        ({"email": "ada@example.org"}, "ada@example.org"),
        ({"name": ["Ada"]}, "s1"),
        ({"name": "Ada\n\x1b[31mroot\u202e"}, "Ada [31mroot"),
        ({"name": "<img src=x>" * 100}, ("<img src=x>" * 100)[:255]),
        ({"name": " \t "}, "s1"),
    ],
)
def test_a_name_is_one_printable_line(site: SiteSettings, claims: dict[str, object], name: str) -> None:
    assert person_from_claims({"sub": "s1", "iat": 1, **claims}, site).name == name


@pytest.mark.parametrize(("claim", "roles"), [("ml", ("ml",)), (["ml", ["leads"]], ("ml", "leads")), ({"ml": 1}, ())])
def test_groups_may_be_a_text_or_a_list(site: SiteSettings, claim: object, roles: tuple[str, ...]) -> None:
    assert person_from_claims({"sub": "s", "iat": 1, "groups": claim}, site).claims.get("groups", ()) == roles


def test_ten_thousand_groups_leave_a_small_cookie_and_the_same_person(site: SiteSettings) -> None:
    groups = [f"group-{number:06}" for number in range(10_000)]
    claims: dict[str, object] = {"sub": "s", "iat": 1, "groups": [*groups, "leads"], "picture": "x" * 10_000, "jti": 3}

    kept = needed_claims(claims, site)

    assert len(json.dumps(kept)) < 200
    assert person_from_claims(kept, site) == person_from_claims(claims, site)
