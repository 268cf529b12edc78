"""The site file `ucurve.toml`: where the dashboard is served, how people sign in, who may what, and how much."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from analysis.errors import ConfigError
from runner.access.person import Person, Role
from runner.access.site_sections import (
    AlertSettings,
    CatalogueSettings,
    DashboardSettings,
    LimitSettings,
    RoleSettings,
    Section,
    SignInSettings,
)

SITE_VARIABLE: Final = "UCURVE_SITE"
_MOST_BYTES: Final = 1024 * 1024


class SiteSettings(Section):
    """All of a site file; the defaults are those of one machine with one user."""

    dashboard: DashboardSettings = DashboardSettings()
    sign_in: SignInSettings | None = None
    roles: RoleSettings = RoleSettings()
    limits: LimitSettings = LimitSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    alerts: AlertSettings = AlertSettings()

    def role_of(self, person: Person) -> Role:
        """The role of somebody who signed in."""
        if person.user_id in self.roles.deny:
            return Role.NOBODY
        names = [person.user_id, *([person.email] if person.email and self._believes_email(person) else [])]
        named = [role for user, role in self.roles.users.items() if user in names]
        if named:
            return min(named)
        claimed = [
            role
            for claim, roles in self.roles.claims.items()
            for value, role in roles.items()
            if value in person.claims.get(claim, ())
        ]
        return max(claimed, default=self.roles.default)

    def _believes_email(self, person: Person) -> bool:
        trusted = self.sign_in is not None and self.sign_in.trust_emails
        return trusted or person.claims.get("email_verified") == ("true",)


def read_site(path: Path) -> SiteSettings:
    """The checked settings of a site file; relative paths in it are taken from its folder.

    Raises:
        ConfigError: it cannot be read, or the first mistake in it: file, key, what is wrong.
    """
    try:
        with path.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"the site file {str(path)!r} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the site file {str(path)!r} is not TOML: {error}") from error
    try:
        settings = SiteSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(path, error)) from error
    return _anchored(settings, path.absolute().parent)


def load_site(environment: Mapping[str, str] = os.environ) -> SiteSettings:
    """The settings that `UCURVE_SITE` names, or the defaults.

    Raises:
        ConfigError: the file is wrong.
    """
    named = environment.get(SITE_VARIABLE, "").strip()
    return read_site(Path(named)) if named else SiteSettings()


def _sentence(path: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key} is no key of a site file ({path.name}); docs/deploy.md lists them"
    if first["type"] == "missing":
        return f"{key} is missing ({path.name})"
    return f"{key}: {first['msg'].removeprefix('Value error, ')} ({path.name})"


def _anchored(settings: SiteSettings, folder: Path) -> SiteSettings:
    dashboard = settings.dashboard.model_copy(
        update={
            name: folder / value
            for name in ("certificate", "certificate_key")
            if (value := getattr(settings.dashboard, name)) is not None
        }
    )
    sign_in = settings.sign_in and settings.sign_in.model_copy(
        update={"secrets_file": folder / settings.sign_in.secrets_file}
    )
    catalogue = settings.catalogue.model_copy(
        update={"data_folders": tuple(folder / place for place in settings.catalogue.data_folders)}
    )
    alerts = settings.alerts
    if alerts.secrets_file is not None:
        alerts = alerts.model_copy(update={"secrets_file": folder / alerts.secrets_file})
    return settings.model_copy(
        update={"dashboard": dashboard, "sign_in": sign_in, "catalogue": catalogue, "alerts": alerts}
    )
