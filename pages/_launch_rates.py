"""The learning rates on the page Launch: around the recommended one, from a to b, or as a list."""

from __future__ import annotations

from typing import Final

import streamlit as st
from pydantic import ValidationError

from analysis.number_format import format_tried_lr
from pages._launch_draft import draft_values, edit_draft
from pages._launch_fields import Values, as_mapping, model_of, section, shown_text, text_field
from pages._person import current_site, may
from pages._text import md_escape
from runner.access.person import Role
from runner.drafts.allowed import allowed_models
from runner.drafts.preview import rates_around_recommended, recommended_rate
from runner.spec.axes import DECADES_AROUND, POINTS_AROUND, AxisSection
from runner.spec.axis_values import axis_values

AROUND: Final = "around the recommended"
RANGE: Final = "from a to b"
LIST: Final = "a list"


def ask_learning_rates(values: Values) -> None:
    """How the learning rates are said, and the fields of that way."""
    axis = section(values, "axes").get("learning_rate")
    mode = AROUND if "around" in as_mapping(axis) else RANGE if "log" in as_mapping(axis) else LIST
    st.session_state["launch-lr-mode"] = mode
    st.selectbox("Learning rates", (AROUND, RANGE, LIST), key="launch-lr-mode", on_change=_take_lr_mode)
    path = ("axes", "learning_rate")
    if mode == AROUND:
        left, right = st.columns(2)
        with left:
            decades = as_mapping(axis).get("decades", DECADES_AROUND)
            text_field("Powers of ten to each side", "launch-lr-decades", shown_text(decades), (*path, "decades"))
        with right:
            points = as_mapping(axis).get("points", POINTS_AROUND)
            text_field("How many", "launch-lr-points", shown_text(points), (*path, "points"))
    elif mode == RANGE:
        left, right = st.columns([2, 1])
        with left:
            text_field(
                "From, to", "launch-lr-range", shown_text(as_mapping(axis).get("log")), (*path, "log"), many=True
            )
        with right:
            text_field("How many", "launch-lr-points", shown_text(as_mapping(axis).get("points")), (*path, "points"))
    else:
        shown = axis if axis is not None else section(values, "training").get("learning_rate")
        text_field("Values", "launch-lr-list", shown_text(shown), path, many=True)
    _say_recommended(values)


def _say_recommended(values: Values) -> None:
    model = model_of(values)
    is_name = model and not model.startswith(("/", ".", "~"))
    recommended = recommended_rate(model, read_local=_may_read(model)) if is_name else None
    if recommended is not None:
        st.caption(f"Recommended for {md_escape(model)}: **{format_tried_lr(recommended)}**")


def _take_lr_mode() -> None:
    """The other way to say the learning rates, with the values as they are, so that nothing is typed twice."""
    values = draft_values() or {}
    mode, rates = st.session_state["launch-lr-mode"], known_rates(values)
    low, high = (rates[0], rates[-1]) if rates and rates[0] < rates[-1] else (1e-4, 1e-2)
    axis: dict[str, object] = {
        AROUND: {"around": "recommended", "decades": 1, "points": max(len(rates), 2) if rates else POINTS_AROUND},
        RANGE: {"log": [low, high], "points": max(len(rates), 2) if rates else POINTS_AROUND},
        LIST: rates or [1e-4, 1e-3, 1e-2],
    }
    edit_draft((("axes", "learning_rate"), axis[mode]))


def known_rates(values: Values) -> list[float]:
    """The learning rates that a file's values name, ascending; none where they cannot be known or are wrong."""
    axis = section(values, "axes").get("learning_rate")
    try:
        rule = AxisSection.model_validate(axis)
        if rule.around is not None:
            model = model_of(values)
            return list(rates_around_recommended(model, rule, read_local=_may_read(model)))
        found = axis_values("learning_rate", rule)
    except (ValidationError, ArithmeticError):
        return []
    return sorted(float(rate) for rate in found if isinstance(rate, int | float))


def _may_read(model: str) -> bool:
    """Whether this person may train with a model, so that its folder may be looked into for them."""
    if not may(Role.LAUNCHER):
        return False
    site = current_site()
    return site.sign_in is None or model in allowed_models(site.catalogue)
