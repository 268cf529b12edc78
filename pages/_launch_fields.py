"""What the fields of the page Launch share: the file's values as text in a field, and what was typed as values."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from analysis.errors import ConfigError
from analysis.strict_yaml.document import parse_yaml
from analysis.strict_yaml.edit import REMOVED
from analysis.strict_yaml.write import number_text
from pages._launch_draft import edit_draft

SOURCES = ("builtin", "path", "hub")
"""Keys of a data set that say where it comes from."""

Values = Mapping[str, object]


def text_field(
    label: str, key: str, shown: str, path: tuple[str, ...], *, many: bool = False, help: str | None = None
) -> None:
    """A field that shows a key of the file, and changes it there."""
    st.session_state[key] = shown
    st.text_input(label, key=key, on_change=_take_text, args=(key, path, many), help=help)


def _take_text(key: str, path: tuple[str, ...], many: bool) -> None:
    text = str(st.session_state[key])
    if path == ("name",):
        edit_draft((path, text.strip() or REMOVED))
        return
    found = typed_values(text)
    edit_draft((path, found if many else found[0] if found else REMOVED))


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


def shown_text(value: object) -> str:
    """A value, or several, as a field shows them; empty for none and for a mapping."""
    if value is None or isinstance(value, Mapping):
        return ""
    parts = value if isinstance(value, list) else [value]
    return ", ".join(number_text(part) if isinstance(part, int | float) else str(part) for part in parts)


def model_of(values: Values) -> str:
    """The model that the values name; empty for none."""
    model = values.get("model")
    return word(as_mapping(model).get("id", "") if isinstance(model, Mapping) else model)


def dataset_of(values: Values) -> str:
    """The data set that the values name, as in its short form; empty for none."""
    dataset = values.get("dataset")
    if not isinstance(dataset, Mapping):
        return word(dataset)
    source = next((key for key in SOURCES if key in dataset), None)
    return "" if source is None else f"{'hub:' if source == 'hub' else ''}{word(dataset[source])}"


def word(value: object) -> str:
    """A value as text; empty for none."""
    return "" if value is None else str(value)


def section(values: Values, name: str) -> Values:
    """A section of the values; empty where there is none."""
    return as_mapping(values.get(name))


def as_mapping(value: object) -> Values:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
