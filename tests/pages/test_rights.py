"""The frame's door, and actions by somebody without the right to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st

from pages._server_sign_in import UploadRight
from runner.access.authority import Authority, load_authority
from runner.access.served import serving_under
from runner.queue.queue import Queue
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.launching import begin, end, submit

SITE = """
[sign_in]
provider = "https://login.example.org/.well-known/openid-configuration"
client_id = "ucurve"
secrets_file = "none.toml"
[roles.users]
ada = "launcher"
bob = "viewer"
root = "admin"
"""
FOLDERS = {"import-from": "Files and folders"}
SignIn = Callable[..., None]


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    file = tmp_path / "ucurve.toml"
    file.write_text(SITE)
    return file


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Says who `st.user` is from now on."""

    def as_person(**claims: object) -> None:
        known = {"iat": time.time(), "is_logged_in": True, **claims} if claims else {"is_logged_in": False}
        monkeypatch.setattr(type(st.user), "to_dict", lambda _self: known)

    return as_person


def test_the_owner_of_the_machine_is_told_that_nobody_signs_in(open_page: OpenPage) -> None:
    app = open_page("mixed", "Overview")

    assert "This machine only, single user, all rights." in shown_text(app)


def test_a_dashboard_that_was_started_by_hand_only_shows(open_page: OpenPage, tmp_path: Path) -> None:
    with serving_under(Authority.viewing()), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCURVE_IMPORT_ROOTS", str(tmp_path))
        patch.setenv("UCURVE_QUEUE", str(tmp_path / "queue"))
        app = open_page("one_run", "Import", **FOLDERS)
        assert "View only" in shown_text(app)
        assert "importing needs the role launcher" in shown_text(app)
        app.selectbox(key="import-path").set_value(str(tmp_path)).run()
        app.button(key="import-preview-now").click().run()

    assert "was not started by `ucurve app`" in shown_text(app).replace("\\", "").replace("\u2060", "")
    assert not app.exception


def test_a_visitor_sees_the_door_and_nothing_else(open_page: OpenPage, site_file: Path, sign_in: SignIn) -> None:
    sign_in()
    with serving_under(Authority(site_file=site_file)):
        for page in ("Overview", "Import"):
            app = open_page("mixed", page)

            assert [title.value for title in app.title] == ["Sign in"]
            assert [button.key for button in app.button] == ["sign-in"]
            assert "demo-a" not in shown_text(app)
            assert not app.exception


def test_a_failed_sign_in_is_said_so(open_page: OpenPage, site_file: Path, sign_in: SignIn) -> None:
    sign_in()
    with serving_under(Authority(site_file=site_file)):
        app = open_page("mixed", "Overview", **{"sign-in": "failed"})

    assert "did not succeed" in shown_text(app)


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"sub": "eve", "name": "Eve"}, "have no access"),
        ({"sub": "ada", "iat": 1.0}, "lasts 12 hours, and yours is older"),
        ({"sub": "ada", "iat": None}, "lasts 12 hours, and yours is older"),
        ({"sub": ""}, "Sign in to see this dashboard"),
        ({"sub": "ada" * 100}, "Sign in to see this dashboard"),
    ],
)
def test_those_without_a_role_stay_outside(
    open_page: OpenPage, site_file: Path, sign_in: SignIn, claims: dict[str, object], text: str
) -> None:
    sign_in(**claims)
    with serving_under(Authority(site_file=site_file)):
        app = open_page("mixed", "Overview")

    assert text in shown_text(app)
    assert "demo-a" not in shown_text(app)


def test_a_member_is_named_with_their_role(open_page: OpenPage, site_file: Path, sign_in: SignIn) -> None:
    sign_in(sub="bob", name="Bob <img src=x> [z](http://evil.example)")
    with serving_under(Authority(site_file=site_file)):
        app = open_page("mixed", "Overview")

    (line,) = [caption.value for caption in app.caption if ":material/person:" in caption.value]
    assert line.endswith("· viewer")
    assert "[z](http" not in line
    assert "Newest sweep" in shown_text(app)


def test_a_wrong_site_file_closes_the_dashboard_and_tells_no_paths(
    open_page: OpenPage, site_file: Path, sign_in: SignIn
) -> None:
    sign_in(sub="root")
    site_file.write_text(SITE + "[roles.nonsense]")
    with serving_under(Authority(site_file=site_file)):
        app = open_page("mixed", "Overview")

    assert "cannot be read just now" in shown_text(app)
    assert str(site_file.parent) not in shown_text(app)


def test_a_role_that_is_taken_away_is_gone_at_the_next_action(
    open_page: OpenPage, site_file: Path, sign_in: SignIn, stores: dict[str, Path], tmp_path: Path
) -> None:
    sign_in(sub="ada", name="Ada")
    with serving_under(Authority(site_file=site_file)), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCURVE_IMPORT_ROOTS", str(tmp_path))
        patch.setenv("UCURVE_QUEUE", str(tmp_path / "queue"))
        app = open_page("mixed", "Import", **FOLDERS)
        app.selectbox(key="import-path").set_value(str(tmp_path)).run()
        assert "Ada · launcher" in "".join(caption.value for caption in app.caption)

        site_file.write_text(SITE.replace('"launcher"', '"viewer"'))
        app.button(key="import-preview-now").click().run()

        assert "has the role viewer, and this needs launcher" in shown_text(app)
        entries = Queue.open(stores["mixed"]).audit()
    assert [(entry.action, entry.outcome) for entry in entries] == [("preview import", "refused"), ("sign-in", "done")]
    assert {entry.user_id for entry in entries} == {"ada"}
    assert not (stores["mixed"] / "imports").exists()


def test_a_site_file_that_is_empty_for_a_moment_opens_nothing(
    open_page: OpenPage, site_file: Path, sign_in: SignIn
) -> None:
    authority = load_authority({"UCURVE_SITE": str(site_file)})
    site_file.write_text("")  # as while an editor saves it
    with serving_under(authority):
        for claims in ({}, {"sub": "root"}):
            sign_in(**claims)
            app = open_page("mixed", "Overview")

            assert "cannot be read just now" in shown_text(app)
            assert "demo-a" not in shown_text(app)
        assert not UploadRight(authority)({})


@pytest.mark.parametrize(("user", "sees_folders"), [("bob", False), ("ada", False), ("root", True)])
def test_what_processes_said_shows_the_way_to_files_to_admins_only(
    open_page: OpenPage,
    site_file: Path,
    sign_in: SignIn,
    stores: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    *,
    sees_folders: bool,
) -> None:
    place = site_file.parent
    monkeypatch.setitem(stores, "new", place / "new")
    submit(place / "new", "broken")
    end(place / "new", begin(place / "new"), "failed", f"'{place}/data/rows.jsonl' is no JSON")
    monkeypatch.setenv("UCURVE_IMPORT_ROOTS", str(place))
    sign_in(sub=user)
    with serving_under(Authority(site_file=site_file)):
        pages = [open_page("new", "Queue", **{"queue-job": "1"}), open_page("new", "Import", **FOLDERS)]
        text = "\n".join(map(shown_text, pages)).replace("\u2060", "").replace("\\", "")

    assert "rows.jsonl" in text
    assert (str(place) in text) is sees_folders


@pytest.mark.parametrize(
    ("user", "state", "sees_folders"), [("bob", "one_run", False), ("ada", "missing", False), ("root", "one_run", True)]
)
def test_the_way_to_files_is_for_admins(
    open_page: OpenPage,
    site_file: Path,
    sign_in: SignIn,
    stores: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    state: str,
    *,
    sees_folders: bool,
) -> None:
    monkeypatch.setenv("UCURVE_QUEUE", str(site_file.parent / "queue"))
    sign_in(sub=user)
    with serving_under(Authority(site_file=site_file)):
        text = shown_text(open_page(state, "Overview")).replace("\u2060", "").replace("\\", "")

    assert (str(stores[state].parent) in text) is sees_folders
    assert state in text
