"""The door: who may see the dashboard at all, and the frame's word on who looks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

import streamlit as st

from pages._noting import note_action
from pages._person import current_authority, current_person, current_site
from pages._text import md_escape
from runner.access.authority import NotAllowed
from runner.access.claims import VISITOR
from runner.access.person import Person, Role
from runner.serving.sign_in import FAILED

_BANNERS: Final = {
    "owner": ":material/lock_open: This machine only, single user, all rights.",
    "unguarded": ":material/visibility: View only: this dashboard was not started by `ucurve app`.",
}
_MOST_NOTED: Final = 10_000
_noted: OrderedDict[tuple[str, float | None, str], None] = OrderedDict()
_noting = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where somebody stands before the door.

    Attributes:
        state: `owner` and `unguarded`: nobody signs in here; `member`: signed in, with a role; else outside.
        person: Who.
        role: Their present role.
        text: For those outside, why; Markdown.
    """

    state: Literal["owner", "unguarded", "member", "visitor", "outdated", "refused", "closed"]
    person: Person
    role: Role
    text: str = ""

    @property
    def is_inside(self) -> bool:
        """Whether they see anything."""
        return self.state in ("owner", "unguarded", "member")


def read_standing() -> Standing:
    """Where whoever looks stands now; never raises, so that the navigation can come first."""
    try:
        site, person = current_site(), current_person()
    except NotAllowed as problem:
        return Standing(state="closed", person=VISITOR, role=Role.NOBODY, text=md_escape(problem))
    authority = current_authority()
    role = authority.role_of(person)
    if site.sign_in is None:
        return Standing(state="owner" if role is Role.ADMIN else "unguarded", person=person, role=role)
    if person.signed_in_at is None:
        return Standing(state="visitor", person=person, role=role, text="Sign in to see this dashboard.")
    if authority.is_outdated(person):
        hours = f"{site.sign_in.max_age_hours:g}"
        text = f"A sign-in lasts {hours} hours, and yours is older. Sign in again."
        return Standing(state="outdated", person=person, role=role, text=text)
    if role is Role.NOBODY:
        text = (
            f"You are signed in as **{md_escape(person.name)}**, but have no access. Ask an admin of this dashboard "
            f"to add your user id to its site file:"
        )
        return Standing(state="refused", person=person, role=role, text=text)
    return Standing(state="member", person=person, role=role)


def show_door(standing: Standing) -> None:
    """What those outside see instead of a page."""
    st.title("Sign in")
    if standing.state == "closed":
        st.error(standing.text, icon=":material/error:")
        return
    st.markdown(standing.text)
    if standing.state == "visitor" and st.query_params.get(FAILED[0]) == FAILED[1]:
        st.warning("The last sign-in did not succeed. Try again; if it stays so, ask the admin to look at the log.")
    if standing.state == "refused":
        st.code(standing.person.user_id, language=None)
        _note(standing, "refused")
        st.button("Sign out", key="sign-out", icon=":material/logout:", on_click=st.logout)
    else:
        st.button("Sign in", key="sign-in", type="primary", icon=":material/login:", on_click=st.login)


def show_banner(standing: Standing) -> None:
    """Where nobody signs in: what that means."""
    if standing.state in _BANNERS:
        st.caption(_BANNERS[standing.state])


def show_person(standing: Standing) -> None:
    """In the sidebar: who is signed in, with their role and the way out."""
    if standing.state != "member":
        return
    _note(standing, "done")
    with st.sidebar:
        st.caption(f":material/person: {md_escape(standing.person.name)} · {standing.role.label}")
        st.button("Sign out", key="sign-out", icon=":material/logout:", on_click=st.logout, type="tertiary")


def _note(standing: Standing, outcome: str) -> None:
    """Tell the audit log of a sign-in, once."""
    person = standing.person
    key = (person.user_id, person.signed_in_at, outcome)
    with _noting:
        if key in _noted:
            return
        _noted[key] = None
        while len(_noted) > _MOST_NOTED:
            _noted.popitem(last=False)
    note_action(person, "sign-in", standing.role.label, outcome)
