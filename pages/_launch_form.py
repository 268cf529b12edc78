"""The form of the page Launch. Each field shows a key of the sweep file and changes it there; the file is the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st
from pydantic import ValidationError

from analysis.errors import ConfigError
from analysis.number_format import format_tried_lr
from analysis.strict_yaml.document import parse_yaml
from analysis.strict_yaml.edit import REMOVED
from analysis.strict_yaml.write import number_text
from pages._launch_draft import draft_values, edit_draft
from pages._text import md_escape
from runner.drafts.preview import rates_around_recommended, recommended_rate
from runner.spec.axes import DECADES_AROUND, POINTS_AROUND, AxisSection
from runner.spec.axis_values import axis_values
from runner.spec.training import TrainingSection

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

AROUND: Final = "around the recommended"
RANGE: Final = "from a to b"
LIST: Final = "a list"
_BUDGETS: Final = {"tokens": "trained tokens", "epochs": "epochs", "steps": "optimizer steps"}
_OTHER_AXES: Final = {"batch_size": "Batch sizes", "lora_rank": "LoRA ranks"}
_SOURCES: Final = ("builtin", "path", "hub")

Values = Mapping[str, object]


def show_form(models: Sequence[str], datasets: Sequence[str], *, is_open: bool) -> None:
    """The fields that most sweeps need.

    Args:
        models: Offered models.
        datasets: Offered data sets.
        is_open: Whether others may be typed.
    """
    values = draft_values()
    if values is None:
        st.info("The form comes back as soon as the file can be read.", icon=":material/edit_off:")
        return
    _text_field("Name", "launch-name", _word(values.get("name")), ("name",), help="The sweep's name in the store.")
    _choice("Model", "launch-model", _model_of(values), models, is_open=is_open)
    _choice("Data set", "launch-dataset", _dataset_of(values), datasets, is_open=is_open)
    _ask_learning_rates(values)
    for column, (name, label) in zip(st.columns(2), _OTHER_AXES.items(), strict=True):
        with column:
            _ask_axis(name, label, values)
    seeds, amount, unit = st.columns(3)
    with seeds:
        _ask_seeds(values)
    _ask_budget(values, amount, unit)


def _ask_learning_rates(values: Values) -> None:
    axis = _section(values, "axes").get("learning_rate")
    mode = AROUND if "around" in _as_mapping(axis) else RANGE if "log" in _as_mapping(axis) else LIST
    st.session_state["launch-lr-mode"] = mode
    st.selectbox("Learning rates", (AROUND, RANGE, LIST), key="launch-lr-mode", on_change=_take_lr_mode)
    path = ("axes", "learning_rate")
    if mode == AROUND:
        left, right = st.columns(2)
        with left:
            decades = _as_mapping(axis).get("decades", DECADES_AROUND)
            _text_field("Powers of ten to each side", "launch-lr-decades", _shown(decades), (*path, "decades"))
        with right:
            points = _as_mapping(axis).get("points", POINTS_AROUND)
            _text_field("How many", "launch-lr-points", _shown(points), (*path, "points"))
    elif mode == RANGE:
        left, right = st.columns([2, 1])
        with left:
            _text_field("From, to", "launch-lr-range", _shown(_as_mapping(axis).get("log")), (*path, "log"), many=True)
        with right:
            _text_field("How many", "launch-lr-points", _shown(_as_mapping(axis).get("points")), (*path, "points"))
    else:
        shown = axis if axis is not None else _section(values, "training").get("learning_rate")
        _text_field("Values", "launch-lr-list", _shown(shown), path, many=True)
    _say_recommended(values)


def _say_recommended(values: Values) -> None:
    model = _model_of(values)
    recommended = recommended_rate(model) if model and not model.startswith(("/", ".", "~")) else None
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
    axis = _section(values, "axes").get("learning_rate")
    try:
        section = AxisSection.model_validate(axis)
        if section.around is not None:
            return list(rates_around_recommended(_model_of(values), section))
        found = axis_values("learning_rate", section)
    except (ValidationError, ArithmeticError):
        return []
    return sorted(float(rate) for rate in found if isinstance(rate, int | float))


def _ask_axis(name: str, label: str, values: Values) -> None:
    """A setting that may have one value, which is no axis, or several."""
    found = _section(values, "axes").get(name, _section(values, "training").get(name))
    key, default = f"launch-{name}", TrainingSection.model_fields[name].default
    st.session_state[key] = _shown(found)
    st.text_input(
        label, key=key, placeholder=f"{default} (default)", on_change=_take_axis, args=(name,), help="One, or several."
    )


def _take_axis(name: str) -> None:
    found = typed_values(str(st.session_state[f"launch-{name}"]))
    edit_draft(
        (("axes", name), found if len(found) > 1 else REMOVED),
        (("training", name), found[0] if len(found) == 1 else REMOVED),
    )


def _ask_seeds(values: Values) -> None:
    st.session_state["launch-seeds"] = _shown(values.get("seeds"))
    st.text_input(
        "Seeds",
        key="launch-seeds",
        placeholder="1 (default)",
        on_change=_take_seeds,
        help="How many, or which: 3 means 0, 1, 2. Three or more show how large the noise is.",
    )


def _take_seeds() -> None:
    found = typed_values(str(st.session_state["launch-seeds"]))
    edit_draft((("seeds",), found if len(found) > 1 else found[0] if found else REMOVED))


def _ask_budget(values: Values, left: DeltaGenerator, right: DeltaGenerator) -> None:
    budget = _section(values, "budget")
    unit = next((name for name in _BUDGETS if name in budget), "tokens")
    st.session_state["launch-budget"] = _shown(budget.get(unit))
    st.session_state["launch-budget-unit"] = unit
    left.text_input("Budget of a run", key="launch-budget", on_change=_take_budget)
    right.selectbox("in", list(_BUDGETS), key="launch-budget-unit", format_func=_unit_name, on_change=_take_budget)


def _take_budget() -> None:
    found = typed_values(str(st.session_state["launch-budget"]))
    edit_draft((("budget",), {str(st.session_state["launch-budget-unit"]): found[0] if found else None}))


def _unit_name(unit: str) -> str:
    return _BUDGETS[unit]


def _text_field(
    label: str, key: str, shown: str, path: tuple[str, ...], *, many: bool = False, help: str | None = None
) -> None:
    st.session_state[key] = shown
    st.text_input(label, key=key, on_change=_take_text, args=(key, path, many), help=help)


def _take_text(key: str, path: tuple[str, ...], many: bool) -> None:
    text = str(st.session_state[key])
    if path == ("name",):
        edit_draft((path, text.strip() or REMOVED))
        return
    found = typed_values(text)
    edit_draft((path, found if many else found[0] if found else REMOVED))


def _choice(label: str, key: str, current: str, offered: Sequence[str], *, is_open: bool) -> None:
    st.session_state[key] = current or None
    st.selectbox(
        label,
        list(dict.fromkeys([*([current] if current else []), *offered])),
        key=key,
        index=None,
        accept_new_options=is_open,
        on_change=_take_model if key == "launch-model" else _take_dataset,
        help=_HELP[key] if is_open else None,
    )


_HELP: Final = {
    "launch-model": "A bundled name, an id on the Hugging Face Hub, or the path of a folder: type it.",
    "launch-dataset": "A built-in name, hub:OWNER/NAME, or the path of a file: type it.",
}


def _take_model() -> None:
    model = _as_mapping((draft_values() or {}).get("model"))
    chosen = str(st.session_state["launch-model"] or "")
    kept = {key: value for key, value in model.items() if key not in ("id", "revision")}
    edit_draft((("model",), {"id": chosen, **kept} if kept else chosen or REMOVED))


def _take_dataset() -> None:
    """Another source; how much of it is held out, and what its columns are, stays."""
    dataset = _as_mapping((draft_values() or {}).get("dataset"))
    chosen = str(st.session_state["launch-dataset"] or "")
    kept = {key: value for key, value in dataset.items() if key not in _SOURCES}
    if not kept or not chosen:
        edit_draft((("dataset",), chosen or REMOVED))
        return
    builtin = chosen in ("skills", "stdlib-docstrings")
    source = "builtin" if builtin else "hub" if chosen.startswith("hub:") else "path"
    edit_draft((("dataset",), {source: chosen.removeprefix("hub:") if source == "hub" else chosen, **kept}))


def typed_values(text: str) -> list[object]:
    """What was typed between commas, as the sweep file would read it; what it would not stays text, and is told there.

    >>> typed_values("1e-4, 8, x"), typed_values(""), typed_values("[1, 2]")
    ([0.0001, 8, 'x'], [], [1, 2])
    """
    inside = text.strip().removeprefix("[").removesuffix("]").strip()
    if not inside:
        return []
    try:
        found = parse_yaml(f"[{inside}]", "").value
    except ConfigError:
        found = [part.strip() for part in inside.split(",")]
    return list(found) if isinstance(found, list) else [inside]


def _shown(value: object) -> str:
    if value is None or isinstance(value, Mapping):
        return ""
    parts = value if isinstance(value, list) else [value]
    return ", ".join(number_text(part) if isinstance(part, int | float) else str(part) for part in parts)


def _model_of(values: Values) -> str:
    model = values.get("model")
    return _word(_as_mapping(model).get("id", "") if isinstance(model, Mapping) else model)


def _dataset_of(values: Values) -> str:
    dataset = values.get("dataset")
    if not isinstance(dataset, Mapping):
        return _word(dataset)
    source = next((key for key in _SOURCES if key in dataset), None)
    return "" if source is None else f"{'hub:' if source == 'hub' else ''}{_word(dataset[source])}"


def _word(value: object) -> str:
    return "" if value is None else str(value)


def _section(values: Values, name: str) -> Values:
    return _as_mapping(values.get(name))


def _as_mapping(value: object) -> Values:
    return value if isinstance(value, Mapping) else {}
