"""The form of the page Launch. Each field shows a key of the sweep file and changes it there; the file is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.strict_yaml.edit import REMOVED
from pages._launch_draft import draft_values, edit_draft
from pages._launch_fields import (
    SOURCES,
    Values,
    as_mapping,
    dataset_of,
    model_of,
    section,
    shown_text,
    text_field,
    typed_values,
    word,
)
from pages._launch_rates import ask_learning_rates
from runner.spec.dataset import BUILT_IN
from runner.spec.training import TrainingSection

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_BUDGETS: Final = {"tokens": "trained tokens", "epochs": "epochs", "steps": "optimizer steps"}
_OTHER_AXES: Final = {"batch_size": "Batch sizes", "lora_rank": "LoRA ranks"}


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
    text_field("Name", "launch-name", word(values.get("name")), ("name",), help="The sweep's name in the store.")
    _choice("Model", "launch-model", model_of(values), models, is_open=is_open)
    _choice("Data set", "launch-dataset", dataset_of(values), datasets, is_open=is_open)
    ask_learning_rates(values)
    for column, (name, label) in zip(st.columns(2), _OTHER_AXES.items(), strict=True):
        with column:
            _ask_axis(name, label, values)
    seeds, amount, unit = st.columns(3)
    with seeds:
        _ask_seeds(values)
    _ask_budget(values, amount, unit)


def _ask_axis(name: str, label: str, values: Values) -> None:
    """A setting that may have one value, which is no axis, or several."""
    found = section(values, "axes").get(name, section(values, "training").get(name))
    key, default = f"launch-{name}", TrainingSection.model_fields[name].default
    st.session_state[key] = shown_text(found)
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
    st.session_state["launch-seeds"] = shown_text(values.get("seeds"))
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
    budget = section(values, "budget")
    unit = next((name for name in _BUDGETS if name in budget), "tokens")
    st.session_state["launch-budget"] = shown_text(budget.get(unit))
    st.session_state["launch-budget-unit"] = unit
    left.text_input("Budget of a run", key="launch-budget", on_change=_take_budget)
    right.selectbox("in", list(_BUDGETS), key="launch-budget-unit", format_func=_unit_name, on_change=_take_budget)


def _take_budget() -> None:
    found = typed_values(str(st.session_state["launch-budget"]))
    edit_draft((("budget",), {str(st.session_state["launch-budget-unit"]): found[0] if found else None}))


def _unit_name(unit: str) -> str:
    return _BUDGETS[unit]


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
    model = as_mapping((draft_values() or {}).get("model"))
    chosen = str(st.session_state["launch-model"] or "")
    kept = {key: value for key, value in model.items() if key not in ("id", "revision")}
    edit_draft((("model",), {"id": chosen, **kept} if kept else chosen or REMOVED))


def _take_dataset() -> None:
    """Another source; how much of it is held out, and what its columns are, stays."""
    dataset = as_mapping((draft_values() or {}).get("dataset"))
    chosen = str(st.session_state["launch-dataset"] or "")
    kept = {key: value for key, value in dataset.items() if key not in SOURCES}
    if not kept or not chosen:
        edit_draft((("dataset",), chosen or REMOVED))
        return
    source = "builtin" if chosen in BUILT_IN else "hub" if chosen.startswith("hub:") else "path"
    edit_draft((("dataset",), {source: chosen.removeprefix("hub:") if source == "hub" else chosen, **kept}))
