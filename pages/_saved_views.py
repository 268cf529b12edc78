"""Saved views: a page with its filters under a name, for everybody who uses the store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, urlencode

import streamlit as st

from analysis.errors import UcurveError
from analysis.store import Snapshot
from analysis.store.annotating import LONGEST_TAG, save_view, take_back
from analysis.store.annotations import Annotation
from pages._annotations import annotator, load_annotations
from pages._data import open_store
from pages._filters import ALL_SWEEPS, AUTOMATIC
from pages._location import store_location
from pages._paths import shown_problem
from pages._person import may
from pages._registry import current_page, page_at
from pages._text import md_escape
from runner.access.person import Role

MOST_SHOWN: Final = 50
_NOTICE: Final = "saved-view-notice"
_NAME: Final = "saved-view-name"
_GO: Final = "saved-view-go"
_NO_FILTERS: Final[Mapping[str, list[str]]] = {"sweep": [ALL_SWEEPS], "better": [AUTOMATIC], "where": []}


def show_saved_views(snapshot: Snapshot) -> None:
    """In the sidebar: the views, each a click away, and room to save the present one."""
    _follow()
    views = sorted(
        (each for each in load_annotations(snapshot) if each.subject.kind == "view"),
        key=lambda each: (each.subject.subject_id.casefold(), each.annotation_id),
    )
    with st.expander("Saved views", icon=":material/bookmark:", key="saved-views"):
        if notice := st.session_state.pop(_NOTICE, None):
            st.caption(notice)
        for view in views[:MOST_SHOWN]:
            _show_view(view)
        if not views:
            st.caption("None yet: a page with its filters, kept under a name for everybody here.")
        if may(Role.LAUNCHER):
            path = current_page().url_path
            st.text_input(
                "Save this page and its filters as", key=_NAME, max_chars=LONGEST_TAG, placeholder="weekly review"
            )
            st.button("Save view", key="saved-view-save", icon=":material/bookmark_add:", on_click=_save, args=(path,))


def address_of(path: str) -> str:
    """The page at a path with all that the address says now, relative to the dashboard; the metric always named."""
    query = {key: st.query_params.get_all(key) for key in st.query_params}
    return f"{path}?{urlencode({'metric': [str(st.session_state['metric'])], **query}, doseq=True)}"


def _show_view(view: Annotation) -> None:
    """A way there; a view of a page that this Ucurve does not have opens the overview with its filters."""
    link, button = st.columns([5, 1], vertical_alignment="center")
    link.button(
        md_escape(view.subject.subject_id),
        key=f"open-{view.annotation_id}",
        icon=":material/bookmark:",
        type="tertiary",
        help=f"Saved by {md_escape(view.author)}",
        on_click=_open,
        args=(view.text,),
    )
    if may(Role.LAUNCHER):
        button.button(
            "",
            key=f"unsave-{view.annotation_id}",
            icon=":material/delete:",
            type="tertiary",
            help=f"Delete the view {md_escape(view.subject.subject_id)}",
            on_click=_delete,
            args=(view.annotation_id,),
        )


def _open(address: str) -> None:
    """Go to a view as soon as the present page is drawn again.

    Widgets that are there already do not look at the address any more, so those that the view names are set here.
    """
    path, _, query = address.partition("?")
    asked = {**_NO_FILTERS, **parse_qs(query, keep_blank_values=True)}
    there = [key for key in asked if key in st.session_state]
    for key in there:
        with suppress(ValueError):  # somebody else's text where a number belongs
            st.session_state[key] = _like(st.session_state[key], asked[key])
    st.session_state[_GO] = [path, {key: values for key, values in asked.items() if values and key not in there}]


def _follow() -> None:
    if going := st.session_state.pop(_GO, None):
        path, query = going
        st.switch_page(page_at(path), query_params=query)


def _like(present: object, values: list[str]) -> object:
    """What an address says, in the type that a widget has."""
    if isinstance(present, list):
        return values
    if isinstance(present, bool):
        return values[0] == "true"
    return type(present)(values[0]) if isinstance(present, int | float) else values[0]


def _save(path: str) -> None:
    name = str(st.session_state.get(_NAME) or "")
    try:
        author = annotator(f"view {name.strip()}")
        save_view(open_store(store_location()), name, address_of(path), author)
    except UcurveError as problem:
        _tell(problem)
        return
    st.session_state[_NAME] = ""
    st.session_state[_NOTICE] = ":green[Saved.]"


def _delete(annotation_id: str) -> None:
    try:
        take_back(open_store(store_location()), [annotation_id], annotator(f"view {annotation_id}"))
    except UcurveError as problem:
        _tell(problem)


def _tell(problem: UcurveError) -> None:
    st.session_state[_NOTICE] = f":red[{md_escape(shown_problem(problem))}]"
