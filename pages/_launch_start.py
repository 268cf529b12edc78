"""What a new sweep starts from: a template, a past sweep, what the analysis suggests, or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from analysis.errors import UcurveError
from analysis.lr_curves.types import LrCurve
from analysis.number_format import format_tried_lr
from analysis.strict_yaml.document import MAX_BYTES
from pages._data import load_lr_curves
from pages._launch_draft import (
    draft_before,
    draft_notes,
    go_back,
    start_from,
    start_from_past,
)
from pages._queue_store import tell
from pages._text import join_text, md_escape
from pages._view import View
from runner.drafts.past import past_sweep
from runner.drafts.suggest import Kind, next_rates, rates_around, suggest_sweep
from runner.drafts.templates import read_templates

TEMPLATE: Final = "Template"
PAST: Final = "Past sweep"
SUGGESTION: Final = "Suggestion"
UPLOAD: Final = "File"
_WISH: Final = "launch-wish"
_MOST_SUGGESTIONS: Final = 40
_SAID: Final[Mapping[Kind, str]] = {"next": "next learning rates", "refine": "refine around the best, 3 seeds"}


def show_start(view: View | None) -> None:
    """The choice, with a button that puts it into the file below; the file before can be had back."""
    _fulfil(view)
    with st.container(border=True):
        kind = st.segmented_control(
            "Start from", [TEMPLATE, PAST, SUGGESTION, UPLOAD], default=TEMPLATE, required=True, key="launch-from"
        )
        if kind == TEMPLATE:
            _offer_templates()
        elif kind == UPLOAD:
            _offer_upload()
        elif view is None:
            st.info("The store has no runs yet; start from a template.", icon=":material/hourglass_empty:")
        elif kind == PAST:
            _offer_past(view)
        else:
            _offer_suggestions(view)
        if draft_before() is not None:
            st.button("Back to the file before", icon=":material/undo:", type="tertiary", on_click=go_back)
    for note in draft_notes():
        st.warning(md_escape(note), icon=":material/edit_note:")


def _offer_templates() -> None:
    templates = {template.title: template for template in read_templates()}
    title = st.selectbox("Template", list(templates), key="launch-template")
    template = templates[str(title)]
    _use_button(f"{template.about[:1].upper()}{template.about[1:]}.", start_from, template.text)


def _offer_past(view: View) -> None:
    newest = view.all_runs.dropna(subset=["sweep_id"]).groupby("sweep_id")["updated_at"].max()
    sweeps = [str(name) for name in newest.sort_values(ascending=False).index]
    if not sweeps:
        st.info("No run of the store belongs to a sweep.", icon=":material/hourglass_empty:")
        return
    chosen = str(st.selectbox("Sweep", sweeps, key="launch-past"))
    _use_button(
        "The sweep file that was kept with its runs, else one made of their configurations.", _use_past, view, chosen
    )


def _wish(*wish: str) -> None:
    """Note what was pressed. Texts only: what a button holds on to, a session keeps for as long as its tab is open."""
    st.session_state[_WISH] = list(wish)


def _fulfil(view: View | None) -> None:
    wish = st.session_state.pop(_WISH, None)
    if wish is None or view is None:
        return
    kind, chosen = wish[0], wish[1]
    if kind == PAST:
        _use_past(view, chosen)
    elif kind == SUGGESTION and chosen in (offers := _suggestions(view)):
        _use_suggestion(view, *offers[chosen])


def _use_past(view: View, sweep_id: str) -> None:
    runs = view.all_runs[view.all_runs["sweep_id"] == sweep_id]
    try:
        start_from_past(past_sweep(runs, sweep_id))
    except UcurveError as problem:
        tell("error", md_escape(problem))


def _offer_suggestions(view: View) -> None:
    offers = _suggestions(view)
    if not offers:
        st.info(
            "No curve asks for more learning rates yet: suggestions come with the first finished runs.",
            icon=":material/hourglass_empty:",
        )
        return
    chosen = str(st.selectbox("Suggestion", list(offers), key="launch-suggestion"))
    _use_button("What the U-curve of the page Learning rate asks for.", _wish, SUGGESTION, chosen)


def _suggestions(view: View) -> dict[str, tuple[LrCurve, Kind]]:
    offers: dict[str, tuple[LrCurve, Kind]] = {}
    for curve in load_lr_curves(view):
        rates = {"next": next_rates(curve), "refine": rates_around(curve)}
        for kind, said in _SAID.items():
            if rates[kind]:
                shown = ", ".join(map(format_tried_lr, rates[kind]))
                offers[f"{curve.label}: {said} ({shown})"] = (curve, kind)
    return dict(list(offers.items())[:_MOST_SUGGESTIONS])


def _use_suggestion(view: View, curve: LrCurve, kind: Kind) -> None:
    """Put what a curve asks for into the file; nothing starts."""
    taken = set(view.all_runs["sweep_id"].dropna().astype(str))
    try:
        start_from_past(suggest_sweep(curve, view.all_runs, kind, taken=taken))
    except UcurveError as problem:
        tell("error", md_escape(problem))


def offer_suggestions_of(curve: LrCurve) -> None:
    """Buttons on a curve's card that open the page Launch, filled with what the curve asks for; see `follow_curve`."""
    rates = next_rates(curve)
    with st.container(horizontal=True):
        if rates:
            st.button(
                f"Launch {join_text(list(map(format_tried_lr, rates)))}",
                key=f"launch-next-{curve.label}",
                icon=":material/rocket_launch:",
                on_click=_wish,
                args=("next", curve.label),
                help="Opens Launch with these learning rates; nothing starts yet.",
            )
        if rates_around(curve):
            st.button(
                "Refine around the best",
                key=f"launch-refine-{curve.label}",
                icon=":material/zoom_in:",
                on_click=_wish,
                args=("refine", curve.label),
                help="Opens Launch with five learning rates around the best and three seeds; nothing starts yet.",
            )


def follow_curve(view: View, curves: Sequence[LrCurve]) -> None:
    """Go to the page Launch, filled with what a curve asks for, where a button on its card was pressed."""
    wish = st.session_state.get(_WISH)
    if wish is None or wish[0] not in _SAID:
        return
    del st.session_state[_WISH]
    found = next((curve for curve in curves if curve.label == wish[1]), None)
    if found is not None:
        _use_suggestion(view, found, wish[0])
        st.switch_page("pages/launch.py")


def _offer_upload() -> None:
    file = st.file_uploader(
        f"A sweep file, up to {MAX_BYTES // 1024} KB", type=["yaml", "yml"], max_upload_size=1, key="launch-upload"
    )
    if file is None:
        st.caption("As for `ucurve sweep`; relative paths in it are looked for where the dashboard was started.")
        return
    _use_button("It replaces the file below.", _use_upload, file.getvalue())


def _use_upload(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        tell("error", f"The file is larger than {MAX_BYTES // 1024} KB; a sweep file is a few lines.")
        return
    try:
        start_from(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        tell("error", "The file is not UTF\\-8 text; save it as UTF\\-8.")


def _use_button(about: str, use: object, *args: object) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Start from this", key="launch-use", icon=":material/south:", on_click=use, args=args)  # type: ignore[arg-type]
        st.caption(about)
