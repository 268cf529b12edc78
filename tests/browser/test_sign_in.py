"""A team's dashboard with a real provider: who gets in, what they may do, and what a forged message comes to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import InvalidStatus

from docs.tools.browser import Chromium, Screen, Tab
from runner.import_jobs import list_imports
from runner.queue.queue import Queue
from tests.browser.team import COOKIE_SECRET, Provider, Team, provider, sign_in, team_dashboard
from tests.browser.wire import USER, WireBrowser, WireSession
from tests.pages.stores import mixed, write_store

HOSTILE = "Bob <img src=x onerror=alert(1)> [z](http://evil.example)"
PEOPLE: list[dict[str, object]] = [
    {"sub": "ada", "name": "Ada", "email": "ada@example.org", "email_verified": True},
    {"sub": "bob", "name": HOSTILE},
    {"sub": "carol", "email": "ada@example.org", "email_verified": False},
    {"sub": "mallory", "name": "Mallory"},
    {"sub": "many", "groups": [f"g{number:04}" for number in range(10_000)]},
    {"sub": "too-many", "groups": [f"g{number:08}" for number in range(20_000)]},
]
USERS = {"ada@example.org": "launcher", "bob": "viewer", "mallory": "admin"}
INSIDE = "Newest sweep"
IMPORT_FILES = "import-from=Files+and+folders"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("team")


@pytest.fixture(scope="module")
def signing_provider(folder: Path) -> Iterator[Provider]:
    with provider(folder, PEOPLE) as running:
        yield running


@pytest.fixture(scope="module")
def running_team(folder: Path, signing_provider: Provider) -> Iterator[Team]:
    store = write_store(folder / "store", mixed())
    (folder / "logs").mkdir()
    roots = {"UCURVE_IMPORT_ROOTS": str(folder / "logs"), "UCURVE_QUEUE": str(folder / "queue")}
    with team_dashboard(store, folder, signing_provider.url, USERS, **roots) as team:
        yield team
    log = (folder / "server.log").read_text()
    assert COOKIE_SECRET not in log
    assert "eyJ" not in log, "a token in the log"


@pytest.fixture
def team(running_team: Team) -> Team:
    """The dashboard with the roles it started with."""
    running_team.write_site(users=USERS, groups={"g9999": "viewer"}, deny=["mallory"])
    return running_team


def signed_in(team: Team, user: str) -> WireBrowser:
    browser = WireBrowser(team.origin)
    assert browser.sign_in(user).status == 200
    return browser


def with_cookie(team: Team, secret: str, user: str) -> WireBrowser:
    """A browser with a cookie that a secret signed."""
    claims = {"sub": user, "iat": time.time(), "origin": team.origin, "is_logged_in": True, "provider": "default"}
    browser = WireBrowser(team.origin)
    browser.set_cookie(USER, create_signed_value(secret, USER, json.dumps(claims)).decode())
    return browser


def ask_for_import(session: WireSession, team: Team) -> str:
    """What a page of Import sends when its button is pressed for a folder."""
    path = session.say("import-path", str(team.store.parent / "logs"))
    session.rerun(path)
    return session.rerun(path, session.press("import-preview-now"))


def wait_for_imports(store: Path) -> int:
    """How many imports there are, when all have ended."""
    deadline = time.monotonic() + 60
    while any(job.state == "running" for job in list_imports(store)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return len(list_imports(store))


def test_a_viewer_signs_in_looks_and_signs_out(chromium: Chromium, team: Team) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{team.origin}/runs", wait_for="Sign in to see this dashboard")
        assert tab.evaluate("document.querySelectorAll('[data-testid=stSidebarNavLink]').length") == 0
        assert "demo-a" not in tab.text()

        sign_in(tab, team, "bob", wait_for=INSIDE)
        assert HOSTILE in tab.text().replace("\u2060", "")
        assert tab.evaluate("document.querySelectorAll('img[src=x], a[href*=\"evil.example\"]').length") == 0
        assert tab.problems == []

        tab.click(".st-key-sign-out button")
        tab.wait_for_text("End session")
        tab.click("form button")
        tab.wait_for_text("Sign in to see this dashboard")


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("ada", "Ada · launcher"),
        ("many", "many · viewer"),
        ("carol", "have no access"),
        ("mallory", "have no access"),
        ("nobody-knows-me", "have no access"),
        ("too-many", "did not succeed"),
    ],
)
def test_who_gets_in_and_as_what(team: Team, user: str, text: str) -> None:
    browser = WireBrowser(team.origin)
    after = browser.sign_in(user)
    with browser.session(query=after.url.partition("?")[2]) as session:
        assert text in session.text
        assert (INSIDE in session.text) is (" · " in text)


def test_what_a_cookie_says_is_little_and_ends_with_the_sign_in(team: Team) -> None:
    cookie = signed_in(team, "many").cookie(USER)

    assert cookie is not None
    assert cookie.value is not None
    assert cookie.expires is not None
    assert len(cookie.value) < 500
    assert cookie.expires - time.time() <= 12 * 3600
    assert cookie.has_nonstandard_attr("HttpOnly")


def test_a_forged_message_of_a_viewer_starts_nothing(team: Team) -> None:
    before = wait_for_imports(team.store)
    with signed_in(team, "bob").session(path="import_runs", query=IMPORT_FILES) as session:
        assert "importing needs the role launcher" in session.text
        shown = ask_for_import(session, team)
    assert wait_for_imports(team.store) == before
    assert "has the role viewer, and this needs launcher" in shown
    refused = Queue.open(team.store, folder=team.queue).audit()[0]
    assert (refused.user_id, refused.action, refused.outcome) == ("bob", "preview import", "refused")


def test_a_launcher_may_until_the_role_is_taken_away(team: Team) -> None:
    before = wait_for_imports(team.store)
    with signed_in(team, "ada").session(path="import_runs", query=IMPORT_FILES) as session:
        ask_for_import(session, team)
        assert wait_for_imports(team.store) == before + 1

        team.write_site(users={**USERS, "ada@example.org": "viewer"})
        assert "has the role viewer" in ask_for_import(session, team)
        assert wait_for_imports(team.store) == before + 1

        team.write_site(users=USERS, deny=["ada"])
        assert INSIDE not in session.rerun()
        assert "have no access" in session.text
    for job in list_imports(team.store):
        assert job.state != "running"


def test_a_sign_in_that_is_too_old_must_be_renewed(team: Team) -> None:
    with signed_in(team, "ada").session() as session:
        assert INSIDE in session.text
        team.write_site(users=USERS, max_age_hours=1e-9)
        assert "yours is older" in session.rerun()
        assert INSIDE not in session.text
        assert "sign-in" in session.widgets


def test_cookies_that_we_did_not_sign_are_nobodys(team: Team) -> None:
    browser = signed_in(team, "ada")
    cookie = browser.cookie(USER)
    assert cookie is not None
    assert cookie.value is not None
    middle = len(cookie.value) // 3
    browser.set_cookie(
        USER, cookie.value[:middle] + ("A" if cookie.value[middle] != "A" else "B") + cookie.value[middle + 1 :]
    )

    for forged in (browser, with_cookie(team, "0" * 64, "bob")):
        with forged.session() as session:
            assert "Sign in to see this dashboard" in session.text
    with with_cookie(team, COOKIE_SECRET, "bob").session() as session:
        assert INSIDE in session.text  # or the forgeries above would prove nothing


def test_a_page_that_does_not_know_the_token_is_nobodys(team: Team) -> None:
    with signed_in(team, "ada").session(xsrf="none") as session:
        assert "Sign in to see this dashboard" in session.text


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:{port}", "http://localhost:1"])
def test_a_page_of_another_origin_has_no_session(team: Team, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus, match="403"),
        signed_in(team, "ada").session(origin=origin.format(port=team.port)),
    ):
        pass


def test_files_are_taken_from_launchers_only(team: Team) -> None:
    def send_file(browser: WireBrowser, session: WireSession) -> int:
        token = browser.cookie("_streamlit_xsrf")
        assert token is not None
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="t.csv"\r\n\r\na,b\r\n--x--\r\n'
        url = f"{team.origin}/_stcore/upload_file/{session.session_id}/file"
        kind = "multipart/form-data; boundary=x"
        headers = {"Origin": team.origin, "X-Xsrftoken": str(token.value), "Content-Type": kind}
        return browser.ask(url, headers, method="PUT", body=body).status

    statuses = {}
    for user in ("ada", "bob"):
        browser = signed_in(team, user)
        with browser.session() as session:
            statuses[user] = send_file(browser, session)
    visitor = WireBrowser(team.origin)
    with visitor.session() as session:
        statuses["visitor"] = send_file(visitor, session)

    assert statuses == {"ada": 204, "bob": 403, "visitor": 403}


def test_another_site_cannot_sign_anybody_out(team: Team) -> None:
    browser = signed_in(team, "ada")
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert browser.ask(f"{team.origin}/auth/logout", foreign).status == 403
    assert browser.ask(f"{team.origin}/", foreign).status == 200
    with browser.session() as session:
        assert "Ada · launcher" in session.text


def test_the_dashboard_is_shown_in_no_frame(chromium: Chromium, team: Team) -> None:
    with chromium.tab(Screen()) as tab:
        tab.page.goto(team.provider)  # another origin, whose pages may be framed
        tab.wait_for_text("OpenID")

        assert framed_address(tab, f"{team.provider}/") == f"{team.provider}/"
        assert framed_address(tab, f"{team.origin}/").startswith("chrome-error:")


def framed_address(tab: Tab, address: str) -> str:
    """Where a frame for an address ends up on the page that is open."""
    frame = f'<iframe src="{address}" onload="window.loaded = true"></iframe>'
    tab.evaluate(f"window.loaded = false; document.body.innerHTML = {json.dumps(frame)}")
    tab.wait_for("window.loaded")
    return tab.page.main_frame.child_frames[0].url


def test_without_the_provider_nobody_comes_in_and_those_inside_go_on(folder: Path, team: Team) -> None:
    alone = folder / "alone"
    alone.mkdir()
    with team_dashboard(team.store, alone, "http://localhost:9", USERS, UCURVE_QUEUE=str(alone / "queue")) as lonely:
        visitor = WireBrowser(lonely.origin)
        with visitor.session() as session:
            session.rerun(session.press("sign-in"))
            answer = visitor.ask(lonely.origin + session.redirect)
        with with_cookie(lonely, COOKIE_SECRET, "bob").session() as session:
            assert INSIDE in session.text

    assert answer.status == 503
    assert "sign-in service does not answer" in answer.text
    assert answer.headers["Content-Security-Policy"]


def test_sign_ins_stand_in_the_audit_log_once(team: Team) -> None:
    browser = signed_in(team, "bob")
    for _ in range(2):
        with browser.session():
            pass
    noted = [entry for entry in Queue.open(team.store, folder=team.queue).audit() if entry.action == "sign-in"]

    assert noted[0].user_id == "bob"
    assert (noted[0].subject, noted[0].outcome) == ("viewer", "done")
    assert len({entry.entry_id for entry in noted}) == len(noted)
