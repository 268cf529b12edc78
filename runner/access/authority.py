"""Who may do what: asked in the action of a page or a verb, and again by the worker that is to do it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError, UcurveError
from runner.access.person import Person, Role
from runner.access.site import SITE_VARIABLE, SiteSettings, read_site

_log = logging.getLogger(__name__)
_CLOCKS_APART_S: Final = 300.0
"""Our choice: a provider's clock may be this far ahead of ours."""


class NotAllowed(UcurveError, PermissionError):
    """Somebody asked for what they have no right to; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Answers who may do what; the site file is read anew for every answer, so that a removed role is gone at once.

    Whoever asks on the command line is an admin: they can read and write the queue and its key anyway.

    Attributes:
        site_file: Where sign-in and roles are written; None: nobody signs in.
        unsigned: The role of those at a dashboard without sign-in.
        signs_in: Whether people signed in when this process began; a site file that says otherwise later is wrong.
    """

    site_file: Path | None = None
    unsigned: Role = Role.ADMIN
    signs_in: bool = False

    @classmethod
    def local(cls) -> Authority:
        """One machine, one user: whoever reaches the dashboard on the loopback may do everything."""
        return cls()

    @classmethod
    def viewing(cls) -> Authority:
        """A dashboard that nobody guards: whoever reaches it may look."""
        return cls(unsigned=Role.VIEWER)

    def role_of(self, person: Person) -> Role:
        """The person's present role, however old their sign-in is."""
        if person.via == "command line":
            return Role.ADMIN
        site = self._site()
        if site is None:
            return Role.NOBODY
        if site.sign_in is None:  # a job of somebody who did sign in is for processes that know the site file
            return self.unsigned if person.signed_in_at is None else Role.NOBODY
        return Role.NOBODY if person.signed_in_at is None else site.role_of(person)

    def check(self, person: Person, needed: Role, *, at: float | None = None) -> None:
        """Returns when the person may do what needs this role.

        Args:
            person: Who asks.
            needed: The least role.
            at: When they asked, in seconds since 1970, which is what the age of the sign-in is measured to; None: now.

        Raises:
            NotAllowed: their role is lower, or their sign-in was too old.
        """
        role = self.role_of(person)
        if role < needed:
            raise NotAllowed(self._refusal(person, role, needed))
        if person.signed_in_at is not None and self.is_outdated(person, at=at):
            raise NotAllowed(f"{person.name!r} signed in too long ago; sign out and in again")

    def is_outdated(self, person: Person, *, at: float | None = None) -> bool:
        """Whether a sign-in is too old to do, or see, anything with; False for those who need none."""
        if person.signed_in_at is None or person.via == "command line":
            return False
        site = self._site()
        if site is None or site.sign_in is None:
            return True
        age_s = (time.time() if at is None else at) - person.signed_in_at
        return not -_CLOCKS_APART_S <= age_s <= site.sign_in.max_age_hours * 3600

    def settings(self) -> SiteSettings:
        """The settings as they stand now.

        Raises:
            ConfigError: the site file is wrong. One without its sign-in is too: a file is empty for a moment while some
                editors save it, and everybody on the network would be the owner.
        """
        if self.site_file is None:
            return SiteSettings()
        site = read_site(self.site_file)
        if self.signs_in and site.sign_in is None:
            raise ConfigError(
                f"[sign_in] is gone from the site file {str(self.site_file)!r}; put it back, or restart without it"
            )
        return site

    def _site(self) -> SiteSettings | None:
        """The settings as they stand now; None where they cannot be read, which lets nobody in."""
        try:
            return self.settings()
        except ConfigError:
            _log.exception("nobody but the command line has any right until the site file is correct")
            return None

    def _refusal(self, person: Person, role: Role, needed: Role) -> str:
        if person.signed_in_at is None and self.site_file is None and self.unsigned < needed:
            return (
                f"this dashboard was not started by `ucurve app`, so that it only shows; "
                f"this needs the role {needed.label}: start it with `ucurve app`"
            )
        if person.signed_in_at is None:
            return f"this needs the role {needed.label}; sign in"
        if self.site_file is None:
            return (
                f"{person.name!r} signed in at a dashboard whose site file this process does not know; "
                f"name it with {SITE_VARIABLE} for the worker too"
            )
        what = "has no access" if role is Role.NOBODY else f"has the role {role.label}"
        return f"{person.name!r} {what}, and this needs {needed.label}; ask an admin of this dashboard"


def load_authority(environment: Mapping[str, str] = os.environ) -> Authority:
    """The authority of this process: that of the site file which `UCURVE_SITE` names, or the local one."""
    named = environment.get(SITE_VARIABLE, "").strip()
    return Authority(site_file=Path(named), signs_in=_signs_in(Path(named))) if named else Authority.local()


def _signs_in(site_file: Path) -> bool:
    try:
        return read_site(site_file).sign_in is not None
    except ConfigError:
        return True  # until it can be read: the safe side
