"""The sweep file that is being made on the page Launch: its text, and the ways in which it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from analysis.errors import ConfigError
from analysis.strict_yaml.document import parse_yaml
from analysis.strict_yaml.edit import Removed, set_value
from analysis.strict_yaml.write import to_yaml
from runner.drafts.past import PastSweep
from runner.drafts.templates import read_templates

TEXT: Final = "launch-yaml"
"""Key of the text area."""
_DRAFT: Final = "launch-draft"
"""Session keys of the text itself, which outlives the text area,"""
_BEFORE: Final = "launch-before"
"""of the text that another one replaced,"""
_NOTES: Final = "launch-notes"
"""and of what could not be said in it."""
_GO: Final = "launch-go"
FILE: Final = "sweep.yaml"


def current_draft() -> str:
    """The text as it stands; a first visit starts with the first template."""
    return str(st.session_state.setdefault(_DRAFT, read_templates()[0].text))


def draft_notes() -> list[str]:
    """What the text could not say of what it was made from."""
    return list(st.session_state.get(_NOTES, []))


def draft_before() -> str | None:
    """The text that was replaced as a whole, as long as it differs."""
    before = st.session_state.get(_BEFORE)
    return None if before in (None, current_draft()) else str(before)


def start_from(text: str, notes: Sequence[str] = ()) -> None:
    """Replace the whole text; the one before can be had back."""
    st.session_state[_BEFORE] = current_draft()
    st.session_state[_DRAFT] = text
    st.session_state[_NOTES] = list(notes)


def start_from_past(past: PastSweep) -> None:
    """Replace the text by a sweep made of runs."""
    start_from(to_yaml(past.values), past.notes)


def open_launch() -> None:
    """Send the reader to the page Launch as soon as the present page is drawn again."""
    st.session_state[_GO] = True


def follow_to_launch() -> None:
    """Go to the page Launch where a button of this page has asked for it."""
    if st.session_state.pop(_GO, False):
        st.switch_page("pages/launch.py")


def go_back() -> None:
    """Take the text back that was replaced."""
    if (before := draft_before()) is not None:
        start_from(before)


def take_typed_text() -> None:
    """What stands in the text area is the text now."""
    st.session_state[_DRAFT] = st.session_state[TEXT]


def edit_draft(*changes: tuple[tuple[str, ...], object | Removed]) -> None:
    """Change keys of the text; a text that cannot be read stays as it is, its mistake is shown beside it."""
    text = current_draft()
    try:
        for path, value in changes:
            text = set_value(text, path, value)
    except ConfigError:
        return
    st.session_state[_DRAFT] = text


def draft_values() -> dict[str, object] | None:
    """The text as plain values, whether or not they make a sweep; None where it cannot be read."""
    try:
        values = parse_yaml(current_draft(), FILE).value
    except ConfigError:
        return None
    return dict(values) if isinstance(values, dict) else {} if values is None else None
