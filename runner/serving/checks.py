"""What must be so before a dashboard is opened to anybody but the person at the keyboard."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from analysis.errors import ConfigError
from runner.access.secrets_file import SignInSecrets, read_secrets
from runner.access.site import SiteSettings
from runner.access.site_sections import LOOPBACK
from runner.errors import EnvironmentProblem

LEAST_AUTHLIB: Final = (1, 6, 9)
"""Below it the library takes forged tokens (CVE-2026-27962)."""
CALLBACK_PATH: Final = "/oauth2callback"


def check_serving(site: SiteSettings, file: Path | None, *, lan: bool) -> SignInSecrets | None:
    """The secrets of the sign-in, when everything is there that a dashboard with these settings needs.

    Args:
        site: The settings.
        file: Where they stand; None: the defaults.
        lan: Whether the dashboard may be opened to other machines.

    Returns:
        None where nobody signs in, which is only so on this machine.

    Raises:
        ConfigError: what is missing, in which file, under which key.
        EnvironmentProblem: the sign-in library is too old.
    """
    name = "the site file" if file is None else repr(str(file))
    if lan and file is None:
        raise ConfigError("--lan needs --site FILE with a [sign_in] section; `ucurve site init` writes one to fill in")
    if site.sign_in is None:
        if lan or _is_open(site):
            raise ConfigError(
                f"[sign_in] is missing in {name}: other machines are let in only where people sign in; "
                f"it needs provider, client_id and secrets_file"
            )
        return None
    if _is_open(site) and not lan:
        raise ConfigError(
            f"{name} opens the dashboard to other machines (dashboard.origin, dashboard.listen); add --lan"
        )
    for key, path in (
        ("dashboard.certificate", site.dashboard.certificate),
        ("dashboard.certificate_key", site.dashboard.certificate_key),
    ):
        if path is not None and not path.is_file():
            raise ConfigError(f"{key} in {name} names no file: {str(path)!r}")
    if authlib_version() < LEAST_AUTHLIB:
        needed = ".".join(map(str, LEAST_AUTHLIB))
        raise EnvironmentProblem(f"sign-in needs Authlib {needed} or newer; run pip install 'authlib>={needed}'")
    return read_secrets(site.sign_in.secrets_file)


def authlib_version() -> tuple[int, ...]:
    """The installed sign-in library's version."""
    return tuple(int(part) for part in version("authlib").split(".") if part.isdecimal())


def callback_address(site: SiteSettings) -> str:
    """The address that the provider must know as this dashboard's redirect URI."""
    return site.dashboard.origin + CALLBACK_PATH


def _is_open(site: SiteSettings) -> bool:
    return site.dashboard.listen not in LOOPBACK or urlsplit(site.dashboard.origin).hostname not in LOOPBACK
