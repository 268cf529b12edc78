"""Who looks at this page, and what they may do. Asked anew in every action: what a page shows or hides is no right."""

from __future__ import annotations

import logging

import streamlit as st

from analysis.errors import ConfigError
from pages._noting import note_action
from runner.access.authority import Authority, NotAllowed
from runner.access.claims import VISITOR, person_from_claims
from runner.access.local import local_person
from runner.access.person import Person, Role
from runner.access.served import served_authority
from runner.access.site import SiteSettings

_log = logging.getLogger(__name__)


def current_authority() -> Authority:
    """The rules that this dashboard was started with."""
    return served_authority()


def current_site() -> SiteSettings:
    """The settings of this dashboard as they stand now.

    Raises:
        NotAllowed: the site file is wrong just now, so that nobody has any right.
    """
    try:
        return current_authority().settings()
    except ConfigError as error:
        _log.error("%s", error)
        raise NotAllowed("the settings of this dashboard cannot be read just now; ask its admin") from None


def current_person() -> Person:
    """Who asks: whoever signed in; without sign-in whoever started the dashboard; else a visitor.

    Raises:
        NotAllowed: the site file is wrong just now.
    """
    site = current_site()
    if site.sign_in is not None:
        return person_from_claims(dict(st.user.to_dict()), site)
    return local_person() if current_authority().unsigned is Role.ADMIN else VISITOR


def may(needed: Role) -> bool:
    """Whether the person may do what needs this role, for what is offered; the action itself asks `require`."""
    try:
        current_authority().check(current_person(), needed)
    except NotAllowed:
        return False
    return True


def require(needed: Role, action: str | None = None, subject: str = "") -> Person:
    """The person, who may do what needs this role: called in the action itself.

    Args:
        needed: The least role.
        action: What they do, such as `import`; a refusal then stands in the audit log.
        subject: What they do it to.

    Raises:
        NotAllowed: they may not; the message says what to do.
    """
    person = current_person()
    try:
        current_authority().check(person, needed)
    except NotAllowed as refusal:
        if action is not None and person != VISITOR:  # whoever is unknown shall not fill the log
            note_action(person, action, subject, "refused", str(refusal))
        raise
    return person
