from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.strict_yaml import write
from analysis.strict_yaml.document import parse_yaml
from analysis.strict_yaml.edit import REMOVED, set_value
from analysis.strict_yaml.write import number_text, to_yaml

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(
    lambda key: isinstance(_read(f'"{key}": 1'), dict) if key.isalnum() else False
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


def _read(text: str) -> object:
    return parse_yaml(text, "").value


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_what_is_written_reads_back(values: dict[str, object]) -> None:
    assert _read(to_yaml(values)) == values


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(number: float) -> None:
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-4, "1e-4"),
        (0.05, "0.05"),
        (3.16e-4, "3.16e-4"),
        (16.0, "16"),
        (True, "true"),
        (None, "null"),
        ("a b", "a b"),
        ("1e-3", '"1e-3"'),
        ("no: x", '"no: x"'),
        ("null", '"null"'),
        ([8, [1, 2]], "[8, [1, 2]]"),
        ({"log": [1e-4, 1e-2], "points": 3}, "{log: [1e-4, 0.01], points: 3}"),
    ],
)
def test_values_are_written_as_people_do(value: object, text: str) -> None:
    assert to_yaml({"k": {"v": value}, "w": 1}).partition("w: 1")[0].strip() in (
        f"k: {{v: {text}}}",
        f"k:\n  v: {text}",
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("axes", "learning_rate"), [1e-4, 3e-4]),
        (("axes", "lora_dropout"), [0.0, 0.1]),
        (("seeds",), 5),
        (("budget",), {"steps": 10}),
        (("name",), "a"),
        (("training", "schedule"), REMOVED),
        (("axes", "batch_size"), REMOVED),
        (("dataset",), {"path": "/a b/c.jsonl", "held_out": 0.1}),
        (("track", "wandb"), "offline"),
    ],
)
def test_one_key_changes_and_comments_stay(example: Path, path: tuple[str, ...], value: object) -> None:
    text = example.read_text()
    before, after = _read(text), _read(edited := set_value(text, path, value))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    section = after.get(path[0])
    if len(path) == 2:
        assert isinstance(section, dict)
        assert section.get(path[1], REMOVED) == value
    else:
        assert section == value
    assert {**before, path[0]: None} == {**after, path[0]: None}
    kept = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in edited.splitlines() if line.startswith("#")] == kept
    changed = set(text.splitlines()) ^ set(edited.splitlines())
    assert len(changed) <= 4 + text.count(f"{path[0]}:")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "a: 1", "axes: {a: [1]}\n", "axes:\n    a: [1]   # one\n\n# end\n"]
)
def test_any_layout_can_be_edited(text: str) -> None:
    edited = set_value(set_value(text, ("axes", "b"), [2]), ("c",), "d")
    values = _read(edited)
    assert isinstance(values, dict)
    assert values["c"] == "d"
    assert isinstance(values["axes"], dict)
    assert values["axes"]["b"] == [2]
    assert edited.count("#") == text.count("#")


def test_the_last_key_takes_its_section_along() -> None:
    assert set_value("a: 1\naxes:\n  b: [2]\n", ("axes", "b"), REMOVED) == "a: 1\n"
    assert set_value("a: 1\n", ("a",), REMOVED) == ""


def test_a_word_is_no_section() -> None:
    with pytest.raises(ConfigError, match="no mapping"):
        set_value("dataset: skills\n", ("dataset", "held_out"), 3)


def test_broken_text_is_refused() -> None:
    with pytest.raises(ConfigError):
        set_value("a: [1\n", ("b",), 1)


def test_the_examples_in_the_code_hold() -> None:
    assert doctest.testmod(write).failed == 0
