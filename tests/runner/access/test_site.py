"""The site file: what it says, and what is said about a wrong one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.person import Role
from runner.access.secrets_file import read_secrets
from runner.access.site import SiteSettings, load_site, read_site
from runner.access.site_start import write_starting_files
from tests.runner.access.people import SITE, write_site

SECRETS = f'client_secret = "c"\ncookie_secret = "{"x" * 32}"\n'


def write_secrets(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "secrets.toml"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_site_is_read_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    site = read_site(write_site(tmp_path, f'{SITE}[catalogue]\ndata_folders = ["data", "/srv/data"]'))

    assert site.sign_in is not None
    assert site.sign_in.secrets_file == tmp_path / "secrets.toml"
    assert site.sign_in.max_age_hours == 12
    assert site.roles.users["root"] is Role.ADMIN
    assert site.catalogue.data_folders == (tmp_path / "data", Path("/srv/data"))


def test_without_a_file_the_defaults_are_those_of_one_machine(tmp_path: Path) -> None:
    assert load_site({}) == SiteSettings()
    assert load_site({"UCURVE_SITE": str(write_site(tmp_path, ""))}) == SiteSettings()
    assert SiteSettings().sign_in is None
    assert SiteSettings().dashboard.listen == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[dashboard]\norigin = 'http://ucurve.example.org'", r"dashboard.origin: must begin with https://"),
        ("[dashboard]\norigin = 'https://ucurve.example.org/x'", r"dashboard.origin: must be scheme and host"),
        ("[dashboard]\norigin = 'https://me@ucurve.example.org'", r"dashboard.origin: must be scheme and host"),
        ("[dashboard]\norigin = 'ftp://localhost'", r"dashboard.origin: must be scheme and host"),
        ("[dashboard]\norigin = 'https://a:b'", r"dashboard.origin: must be scheme and host"),
        ("[dashboard]\nlisten = '0.0.0.0'", r"dashboard: listen = '0.0.0.0' is open .* needs certificate"),
        ("[dashboard]\ncertificate = 'a.pem'", r"dashboard: certificate and certificate_key belong together"),
        ("[dashboard]\nport = 99999", r"dashboard.port: .*65535"),
        ("[dashboard]\nprot = 1", r"dashboard.prot is no key of a site file \(ucurve.toml\)"),
        ("[sign_in]\nclient_id = 'x'\nsecrets_file = 's'", r"sign_in.provider is missing \(ucurve.toml\)"),
        (SITE.replace("https://login", "http://login"), r"sign_in.provider: must begin with https://"),
        (SITE.replace('"viewer"', '"launcher"', 1), r"roles.default: must be nobody or viewer, got 'launcher'"),
        (SITE.replace('root = "admin"', 'root = "king"'), r"roles.users.root: must be one of nobody, viewer, launcher"),
        (SITE.replace('root = "admin"', "root = 3"), r"roles.users.root: must be one of"),
        ("[limits]\nmost_hours = nan", r"limits.most_hours"),
        ("a = [", r"is not TOML: Invalid value"),
        ("\x00", r"is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as problem:
        read_site(write_site(tmp_path, text))
    assert "\n" not in str(problem.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'.*nowhere' cannot be read \(No such file"):
        read_site(tmp_path / "nowhere")


@pytest.mark.parametrize("origin", ["https://ucurve.example.org", "http://localhost:8501", "http://[::1]:8501"])
def test_origins_that_are_fine(tmp_path: Path, origin: str) -> None:
    assert read_site(write_site(tmp_path, f"[dashboard]\norigin = '{origin}'")).dashboard.origin == origin


def test_what_init_writes_needs_only_the_provider_s_secret(tmp_path: Path) -> None:
    secrets_file = write_starting_files(tmp_path / "team.toml")

    site = read_site(tmp_path / "team.toml")
    assert site.sign_in is not None
    assert site.sign_in.secrets_file == secrets_file == tmp_path / "team.secrets.toml"
    assert stat.S_IMODE(secrets_file.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="client_secret is missing"):
        read_secrets(secrets_file)
    secrets_file.write_text(secrets_file.read_text().replace('client_secret = ""', 'client_secret = "c"'))
    assert len(read_secrets(secrets_file).cookie_secret) == 64


def test_commented_keys_of_the_starting_file_are_keys(tmp_path: Path) -> None:
    write_starting_files(tmp_path / "ucurve.toml")
    lines = (tmp_path / "ucurve.toml").read_text().splitlines()[3:]
    text = "\n".join(line.removeprefix("# ") if "=" in line else line for line in lines)

    site = read_site(write_site(tmp_path, text))
    assert site.limits.most_runs == 500
    assert site.roles.claims["groups"]["ml-team"] is Role.LAUNCHER


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    write_starting_files(tmp_path / "ucurve.toml")
    before = [(tmp_path / name).read_text() for name in ("ucurve.toml", "ucurve.secrets.toml")]

    with pytest.raises(ConfigError, match="is there already"):
        write_starting_files(tmp_path / "ucurve.toml")
    (tmp_path / "ucurve.toml").unlink()
    with pytest.raises(ConfigError, match=r"ucurve.secrets.toml' is there already"):
        write_starting_files(tmp_path / "ucurve.toml")
    assert (tmp_path / "ucurve.secrets.toml").read_text() == before[1]


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_starting_files(tmp_path / "nowhere" / "ucurve.toml")


def test_secrets_are_read_and_not_printed(tmp_path: Path) -> None:
    secrets = read_secrets(write_secrets(tmp_path, SECRETS))

    assert len(secrets.client_secret) == 1
    assert secrets.cookie_secret == "x" * 32
    assert "x" not in repr(secrets).removeprefix("SignInSecrets")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o666])
def test_secrets_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="run chmod 600 on it"):
        read_secrets(write_secrets(tmp_path, SECRETS, mode))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SECRETS.replace("x" * 32, "x" * 31), "cookie_secret in .* is 31 bytes long, and 32 are needed"),
        (SECRETS.replace("cookie_secret", "cookie"), "cookie_secret is missing"),
        (SECRETS.replace('"c"', "3"), "client_secret is missing"),
        ('client_secret = "hunter2', "is not TOML"),
    ],
)
def test_wrong_secrets_are_refused_without_showing_them(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as problem:
        read_secrets(write_secrets(tmp_path, text))
    assert "hunter2" not in str(problem.value)


def test_secrets_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sign_in\.secrets_file .* cannot be read"):
        read_secrets(tmp_path / "nowhere")
