"""Tags, notes and stars of what is looked at: who said what, and room to say more. All texts are shown inert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

import pandas as pd
import streamlit as st

from analysis.errors import UcurveError
from analysis.store import Snapshot
from analysis.store.annotating import LONGEST_NOTE, LONGEST_TAG, Annotated, Wish, annotate, take_back
from analysis.store.annotations import Annotation, Author, Kind, Subject
from pages._data import open_store
from pages._location import store_location
from pages._paths import shown_problem
from pages._person import may, require
from pages._queue_store import show_notice, tell
from pages._tables import offer_csv
from pages._text import ago_text, count_text, md_escape
from pages._view import View
from runner.access.person import Role
from runner.annotators import author_of

MOST_SHOWN: Final = 30
"""Annotations with a button each; the download has all."""
STAR: Final = "★"


def load_annotations(snapshot: Snapshot) -> list[Annotation]:
    """Everything that was said and holds."""
    return _annotations(snapshot.key_of("annotations"), snapshot)


@st.cache_data(max_entries=8, show_spinner=False)
def _annotations(key: str, _snapshot: Snapshot) -> list[Annotation]:  # noqa: ARG001
    return [each for each in _snapshot.annotations() if each.active]


def show_annotations(view: View, subjects: Sequence[Subject], *, nothing_chosen: str) -> None:
    """What was said of some runs or of a sweep, with the way to say more.

    Args:
        view: What is looked at.
        subjects: What it is about.
        nothing_chosen: What to do where there are none.
    """
    about = set(subjects)
    said = [each for each in load_annotations(view.snapshot) if each.subject in about]
    count = f" ({len(said):,})" if said else ""
    with st.expander(f"Tags, notes, stars{count}", icon=":material/sell:", key="annotations"):
        show_notice()
        if not subjects:
            st.caption(nothing_chosen)
            return
        _show_said(said, n_subjects=len(subjects))
        if may(Role.LAUNCHER):
            _ask(tuple(subjects), said)
        else:
            st.caption("Saying more needs the role launcher.")


def _show_said(said: Sequence[Annotation], *, n_subjects: int) -> None:
    """One line for what was said alike of several; with the way to take it back."""
    rows = [list(each) for _, each in groupby(sorted(said, key=_alike), key=_alike)]
    for same in rows[:MOST_SHOWN]:
        one = same[0]
        words, button = st.columns([5, 1], vertical_alignment="center")
        with words.container(gap="xxsmall"):
            if one.kind == "note":
                st.text(one.text)
            else:
                st.markdown(f":material/sell: **{md_escape(one.text)}**" if one.kind == "tag" else STAR)
            where = f" on {len(same):,} of {n_subjects:,}" if n_subjects > 1 else ""
            st.caption(f"{md_escape(one.author)}{where}, {ago_text(one.created_at)}")
        if may(Role.LAUNCHER):
            ids = tuple(each.annotation_id for each in same)
            button.button("Take back", key=f"unsay-{ids[0]}", on_click=_take_back, args=(ids,), type="tertiary")
    if len(rows) > MOST_SHOWN:
        st.caption(f"and {len(rows) - MOST_SHOWN:,} more")
    if said:
        offer_csv(pd.DataFrame([_cells(each) for each in said]), "annotations")


def _alike(each: Annotation) -> tuple[str, str, str]:
    return (each.kind, each.text, each.author_id if each.kind == "note" else "")


def _cells(each: Annotation) -> Mapping[str, object]:
    about = {"about": each.subject.kind, "id": each.subject.subject_id}
    return about | {"kind": each.kind, "text": each.text, "by": each.author, "at": each.created_at}


def _ask(subjects: tuple[Subject, ...], said: Sequence[Annotation]) -> None:
    """The form. What was typed stays until it is stored."""
    about = f"sweep {subjects[0].subject_id}" if subjects[0].kind == "sweep" else count_text(len(subjects), "run")
    with st.form("annotate", enter_to_submit=False, border=False):
        st.text_input("Tag", key="annotate-tag", max_chars=LONGEST_TAG, placeholder="baseline")
        st.text_area("Note", key="annotate-note", max_chars=LONGEST_NOTE, placeholder="What others should know.")
        st.form_submit_button(f"Save for {md_escape(about)}", key="annotate-save", on_click=_say, args=(subjects,))
    n_starred = sum(each.kind == "star" for each in said)
    label, active = (f"{STAR} Star", True) if n_starred < len(subjects) else ("Take the star back", False)
    st.button(label, key="annotate-star", on_click=_star, args=(subjects, active))


def _say(subjects: Sequence[Subject]) -> None:
    """Stores what was typed."""
    typed: Mapping[str, Kind] = {"annotate-tag": "tag", "annotate-note": "note"}
    texts = {kind: str(st.session_state.get(key) or "").strip() for key, kind in typed.items()}
    wishes = [Wish(subject, kind, text) for subject in subjects for kind, text in texts.items() if text]
    if not wishes:
        tell("info", "Type a tag or a note first.")
    elif _stored(wishes):
        for key in typed:
            st.session_state[key] = ""


def _star(subjects: Sequence[Subject], active: bool) -> None:
    _stored([Wish(subject, "star", active=active) for subject in subjects])


def _take_back(annotation_ids: Sequence[str]) -> None:
    try:
        author = annotator(annotation_ids[0])
        tell_result(take_back(open_store(store_location()), annotation_ids, author))
    except UcurveError as problem:
        tell("error", md_escape(shown_problem(problem)))


def _stored(wishes: Sequence[Wish]) -> bool:
    """Whether the store has it now; what came of it is shown."""
    try:
        author = annotator(str(wishes[0].subject))
        tell_result(annotate(open_store(store_location()), wishes, author))
    except UcurveError as problem:
        tell("error", md_escape(shown_problem(problem)))
        return False
    return True


def annotator(subject: str) -> Author:
    """Whoever looks, who may annotate.

    Raises:
        NotAllowed: they may not.
    """
    return author_of(require(Role.LAUNCHER, "annotate", subject))


def tell_result(result: Annotated) -> None:
    """Keep what came of it until the page shows it."""
    remarks = " ".join(md_escape(remark) for remark in result.remarks)
    done = "Saved." if result.written else "Nothing to change: it is so already."
    tell("success" if result.written else "info", f"{done} {remarks}".strip())


def mark_sweeps(sweeps: pd.DataFrame, snapshot: Snapshot) -> pd.DataFrame:
    """The table of sweeps with columns `starred`, `tags` and `n_notes`, each where any sweep has some."""
    said: dict[str, list[Annotation]] = {}
    for each in load_annotations(snapshot):
        if each.subject.kind == "sweep":
            said.setdefault(each.subject.subject_id, []).append(each)
    marks: dict[str, list[str] | list[int]] = {
        "starred": [_star_text(said.get(sweep, ())) for sweep in sweeps["sweep_id"]],
        "tags": [_tags_text(said.get(sweep, ())) for sweep in sweeps["sweep_id"]],
        "n_notes": [sum(one.kind == "note" for one in said.get(sweep, ())) for sweep in sweeps["sweep_id"]],
    }
    marked = sweeps.copy()
    for name, values in marks.items():
        if any(values):
            marked[name] = values
    return marked


def _star_text(said: Sequence[Annotation]) -> str:
    return STAR if any(each.kind == "star" for each in said) else ""


def _tags_text(said: Sequence[Annotation]) -> str:
    return ", ".join(sorted(each.text for each in said if each.kind == "tag"))
