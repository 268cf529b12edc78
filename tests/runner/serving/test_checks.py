"""What must be there before other machines are let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.site import SiteSettings, read_site
from runner.errors import EnvironmentProblem
from runner.serving import checks
from runner.serving.checks import callback_address, check_serving
from tests.runner.access.people import SITE, write_site

OPEN = "[dashboard]\norigin = 'https://ucurve.example.org'\n"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "secrets.toml"
    file.write_text(f'client_secret = "c"\ncookie_secret = "{"x" * 32}"\n')
    file.chmod(0o600)
    return file


def check(folder: Path, text: str, *, lan: bool) -> object:
    file = write_site(folder, text)
    return check_serving(read_site(file), file, lan=lan)


def test_one_machine_needs_nothing(tmp_path: Path) -> None:
    assert check_serving(SiteSettings(), None, lan=False) is None
    assert check(tmp_path, "[limits]\nmost_runs = 3", lan=False) is None


@pytest.mark.usefixtures("secrets")
def test_a_team_needs_sign_in_and_gets_its_secrets(tmp_path: Path) -> None:
    assert check(tmp_path, OPEN + SITE, lan=True) is not None
    assert check(tmp_path, SITE, lan=False) is not None


@pytest.mark.parametrize(
    ("text", "lan", "sentence"),
    [
        ("[limits]\nmost_runs = 3", True, r"\[sign_in\] is missing in '.*ucurve.toml'.*provider, client_id"),
        (OPEN, False, r"\[sign_in\] is missing"),
        (OPEN + SITE, False, r"opens the dashboard to other machines .*; add --lan"),
        (OPEN + SITE, True, r"sign_in.secrets_file '.*secrets.toml' cannot be read"),
        (
            OPEN + "certificate = 'a.pem'\ncertificate_key = 'b.pem'\nlisten = '0.0.0.0'\n" + SITE,
            True,
            r"dashboard.certificate in .* names no file: '.*a.pem'",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str, lan: bool, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check(tmp_path, text, lan=lan)


def test_lan_without_a_site_file() -> None:
    with pytest.raises(ConfigError, match=r"--lan needs --site FILE .*`ucurve site init`"):
        check_serving(SiteSettings(), None, lan=True)


@pytest.mark.usefixtures("secrets")
def test_a_library_that_takes_forged_tokens_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "authlib_version", lambda: (1, 6, 8))

    with pytest.raises(EnvironmentProblem, match=r"Authlib 1\.6\.9 or newer"):
        check(tmp_path, SITE, lan=False)


def test_the_callback_lies_at_the_origin(tmp_path: Path) -> None:
    assert callback_address(read_site(write_site(tmp_path, OPEN))) == "https://ucurve.example.org/oauth2callback"
