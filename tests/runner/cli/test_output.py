from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cli.output import note, print_json, print_lines, print_table, to_json_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None), (math.inf, None), (np.float64("nan"), None), (np.int64(3), 3), (np.bool_(False), False),
        (pd.NA, None), (pd.NaT, None), (pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00+00:00"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"), (np.array([1.0, math.nan]), [1.0, None]),
        ((1, "a"), [1, "a"]), ({"a": {1: math.nan}}, {"a": {"1": None}}), (True, True), ("NaN", "NaN"),
    ],
)  # fmt: skip
def test_values_become_what_json_knows(value: object, expected: object) -> None:
    assert to_json_value(value) == expected


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4))
)


@given(_VALUES)
def test_any_document_is_strict_json(value: object) -> None:
    text = json.dumps(to_json_value(value), allow_nan=False)
    assert json.loads(text) == to_json_value(value)


def test_json_is_readable_and_keeps_letters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "ü", "b": [math.nan]})
    assert capsys.readouterr().out == '{\n  "a": "ü",\n  "b": [\n    null\n  ]\n}\n'


def test_tables_show_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "!value"), [("[bold]x[/bold]", 1.5), ("y" * 200, None)], title="[t]")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[t]"
    assert lines[2].split() == ["[bold]x[/bold]", "1.5"]
    assert lines[3].split() == ["y" * 200, "–"]


def test_imported_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[2Jgone\x9b31m \x07 \u202etxt.exe\u2066"
    print_table(["name\x1b[0m"], [[f"{hostile}\nsecond"]], title=hostile)
    print_lines([f"{hostile}\nkept: \u05e9\u05dc\u05d5\u05dd"])
    note(hostile)
    shown = "".join(capsys.readouterr())
    assert all(character.isprintable() or character == "\n" for character in shown), ascii(shown)
    assert "\\x1b[2Jgone" in shown
    assert "\\u202etxt.exe" in shown
    assert "\\nsecond" in shown, "a row stays one line"
    assert "\nkept: \u05e9\u05dc\u05d5\u05dd\n" in shown, "other alphabets are left alone"
