"""Who may do what, and what they are told when they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.authority import Authority, NotAllowed, load_authority
from runner.access.claims import VISITOR
from runner.access.local import command_line_person, local_person
from runner.access.person import Person, Role
from runner.access.served import served_authority, serving_under
from tests.runner.access.people import SITE, member, write_site

HOUR = 3600.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(site_file=write_site(tmp_path))


def test_on_one_machine_its_owner_may_do_everything() -> None:
    for person in (command_line_person(), local_person()):
        Authority.local().check(person, Role.ADMIN)


def test_a_dashboard_that_nobody_guards_only_shows() -> None:
    assert served_authority() == Authority.viewing()
    for person in (VISITOR, local_person()):
        served_authority().check(person, Role.VIEWER)
        with pytest.raises(NotAllowed, match=r"not started by `ucurve app`.*role launcher"):
            served_authority().check(person, Role.LAUNCHER)
    with serving_under(Authority.local()):
        served_authority().check(local_person(), Role.ADMIN)
    assert served_authority() == Authority.viewing()


@pytest.mark.parametrize(
    ("person", "role"),
    [
        (member("somebody"), Role.VIEWER),
        (member("root"), Role.ADMIN),
        (member("mallory"), Role.NOBODY),
        (member("carol", email="carol@example.org"), Role.LAUNCHER),
        (member("carol", email="carol@example.org", verified="false"), Role.VIEWER),
        (member("dave", groups=("ml",)), Role.LAUNCHER),
        (member("dave", groups=("ml", "leads", "others")), Role.ADMIN),
        (member("dave", groups=("ml", "leads"), email="carol@example.org"), Role.LAUNCHER),
        (command_line_person(), Role.ADMIN),
        (VISITOR, Role.NOBODY),
        (local_person(), Role.NOBODY),
    ],
)
def test_roles_of_a_team(authority: Authority, person: Person, role: Role) -> None:
    assert authority.role_of(person) is role
    authority.check(person, role)
    if role < Role.ADMIN:
        with pytest.raises(NotAllowed):
            authority.check(person, Role(role + 1))


def test_the_role_nearest_to_a_name_counts(tmp_path: Path) -> None:
    site = SITE.replace('"carol@example.org" = "launcher"', 'dave = "viewer"')
    authority = Authority(site_file=write_site(tmp_path, site))

    assert authority.role_of(member("dave", groups=("leads",))) is Role.VIEWER


def test_unverified_addresses_count_where_the_site_says_so(tmp_path: Path) -> None:
    site = SITE.replace('client_id = "ucurve"', 'client_id = "ucurve"\ntrust_emails = true')
    authority = Authority(site_file=write_site(tmp_path, site))

    assert authority.role_of(member("c", email="carol@example.org", verified="false")) is Role.LAUNCHER


def test_a_role_that_is_taken_away_is_gone_at_once(authority: Authority, tmp_path: Path) -> None:
    authority.check(member("root"), Role.ADMIN)
    write_site(tmp_path, SITE.replace('root = "admin"', ""))

    with pytest.raises(NotAllowed, match="'Root' has the role viewer, and this needs launcher; ask an admin"):
        authority.check(member("root"), Role.LAUNCHER)


@pytest.mark.parametrize("text", ["[roles", SITE + "[roles.other]", None])
def test_a_site_file_that_cannot_be_read_gives_rights_to_the_command_line_only(
    authority: Authority, tmp_path: Path, text: str | None
) -> None:
    if text is None:
        (tmp_path / "ucurve.toml").unlink()
    else:
        write_site(tmp_path, text)

    authority.check(command_line_person(), Role.ADMIN)
    with pytest.raises(NotAllowed) as refusal:
        authority.check(member("root"), Role.VIEWER)
    assert str(tmp_path) not in str(refusal.value)
    assert authority.is_outdated(member("root"))


@pytest.mark.parametrize("text", ["", "[limits]\nmost_runs = 3"])
def test_a_site_file_that_loses_its_sign_in_lets_nobody_in(tmp_path: Path, text: str) -> None:
    file = write_site(tmp_path)
    authority = load_authority({"UCURVE_SITE": str(file)})
    write_site(tmp_path, text)  # as an editor that truncates the file before it writes it

    for person in (local_person(), VISITOR, member("root")):
        assert authority.role_of(person) is Role.NOBODY
    with pytest.raises(ConfigError, match=r"\[sign_in\] is gone"):
        authority.settings()
    authority.check(command_line_person(), Role.ADMIN)


def test_a_sign_in_ages(authority: Authority) -> None:
    authority.check(member("root", age_s=11.9 * HOUR), Role.ADMIN)
    for age_s in (12.1 * HOUR, -HOUR):
        with pytest.raises(NotAllowed, match="signed in too long ago"):
            authority.check(member("root", age_s=age_s), Role.VIEWER)
        assert authority.is_outdated(member("root", age_s=age_s))


def test_what_was_asked_in_time_may_be_done_later(authority: Authority) -> None:
    person = member("root", age_s=20 * HOUR)
    assert person.signed_in_at is not None

    authority.check(person, Role.ADMIN, at=person.signed_in_at + HOUR)
    with pytest.raises(NotAllowed):
        authority.check(person, Role.ADMIN, at=person.signed_in_at + 13 * HOUR)


def test_a_worker_without_the_site_file_does_nothing_for_those_who_signed_in() -> None:
    with pytest.raises(NotAllowed, match="name it with UCURVE_SITE for the worker too"):
        Authority.local().check(member("root"), Role.LAUNCHER)


def test_a_visitor_is_asked_to_sign_in(authority: Authority) -> None:
    with pytest.raises(NotAllowed, match="this needs the role viewer; sign in"):
        authority.check(VISITOR, Role.VIEWER)


def test_a_site_without_sign_in_is_for_its_owner(tmp_path: Path) -> None:
    authority = Authority(site_file=write_site(tmp_path, "[limits]\nmost_runs = 3"))

    authority.check(local_person(), Role.ADMIN)
    assert not authority.is_outdated(local_person())


def test_the_environment_names_the_site_file(tmp_path: Path) -> None:
    assert load_authority({}) == load_authority({"UCURVE_SITE": " "}) == Authority.local()
    assert load_authority({"UCURVE_SITE": str(tmp_path / "x")}).site_file == tmp_path / "x"
