"""A dashboard with sign-in as a team has it: a provider, a site file, the server, and people who sign in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docs.tools.browser import Tab
from docs.tools.server import ROOT, dashboard, free_port
from runner.access.site_start import SECRETS_TEXT

COOKIE_SECRET = "0123456789abcdef" * 4
SITE = """
[dashboard]
origin = "http://localhost:{port}"
[sign_in]
provider = "{provider}/.well-known/openid-configuration"
client_id = "ucurve"
secrets_file = "secrets.toml"
max_age_hours = {max_age_hours}
[roles]
default = "{default}"
deny = {deny}
[roles.users]
{users}
[roles.claims.groups]
{groups}
"""


@dataclass
class Provider:
    """A running provider."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """Nobody can sign in from now on."""
        self.process.terminate()
        self.process.wait(timeout=10)


@contextmanager
def provider(folder: Path, people: Sequence[dict[str, object]]) -> Iterator[Provider]:
    """A sign-in provider that knows people by their claims."""
    known = folder / "people.json"
    known.write_text(json.dumps(list(people)), encoding="utf-8")
    with (folder / "provider.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.provider", str(known)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        yield Provider(f"http://localhost:{int(process.stdout.readline())}", process)
    finally:
        process.terminate()
        process.communicate(timeout=10)


@dataclass
class Team:
    """A team's dashboard; `more` stands at the end of its site file."""

    origin: str
    store: Path
    site_file: Path
    provider: str
    port: int
    more: str = ""

    @property
    def queue(self) -> Path:
        """Where the tests keep its queue."""
        return self.site_file.parent / "queue"

    def write_site(
        self,
        *,
        users: dict[str, str],
        groups: dict[str, str] | None = None,
        deny: Sequence[str] = (),
        default: str = "nobody",
        max_age_hours: float = 12,
    ) -> None:
        """Say anew who may what, as an admin with an editor does while the dashboard runs."""
        text = SITE.format(
            port=self.port,
            provider=self.provider,
            max_age_hours=max_age_hours,
            default=default,
            deny=json.dumps(list(deny)),
            users=_lines(users),
            groups=_lines(groups or {}),
        )
        new = self.site_file.with_suffix(".new")
        new.write_text(text + self.more, encoding="utf-8")
        new.replace(self.site_file)


def prepare_team(store: Path, folder: Path, provider_url: str, users: dict[str, str], more: str = "") -> Team:
    """The files of a team's dashboard, which does not run yet."""
    port = free_port()
    team = Team(f"http://localhost:{port}", store, folder / "ucurve.toml", provider_url, port, more)
    secrets = folder / "secrets.toml"
    text = SECRETS_TEXT.format(cookie_secret=COOKIE_SECRET, webhook_key=COOKIE_SECRET).replace(
        'client_secret = ""', 'client_secret = "c"'
    )
    secrets.write_text(text, encoding="utf-8")
    secrets.chmod(0o600)
    team.write_site(users=users)
    return team


@contextmanager
def team_dashboard(
    store: Path, folder: Path, provider_url: str, users: dict[str, str], **environment: str
) -> Iterator[Team]:
    """The dashboard of a store, for those who sign in at a provider."""
    team = prepare_team(store, folder, provider_url, users)
    with dashboard(
        store, folder / "server.log", port=team.port, host="localhost", UCURVE_SITE=str(team.site_file), **environment
    ):
        yield team


def sign_in(tab: Tab, team: Team, user: str, *, wait_for: str) -> None:
    """Open the dashboard and sign in as somebody."""
    tab.go(team.origin, wait_for="Sign in to see this dashboard")
    tab.click(".st-key-sign-in button")
    tab.wait_for("document.querySelector('form input[name=sub]')")
    tab.click("form input[name=sub]")
    tab.type(user)
    tab.click("form button[type=submit]")
    tab.wait_for_text(wait_for)
    tab.problems.clear()  # those of the provider's own page, which asks for a style sheet from afar
    tab.wait_until_drawn()


def _lines(values: dict[str, str]) -> str:
    return "\n".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items())
