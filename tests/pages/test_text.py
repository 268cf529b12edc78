from __future__ import annotations

import csv
import doctest
import io
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pandas as pd
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st

from analysis.lr_curves import sentences
from analysis.wording import paths, plain, voices
from analysis.wording.spreadsheet import to_csv
from pages import _location, _text
from pages._tables import LR_FORMAT, round_rates
from pages._text import ago_text, count_text, duration_text, join_text, md_escape

CELLS = st.one_of(st.text(max_size=12), st.floats(allow_nan=False), st.integers(-5, 5))
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


@given(st.text())
def test_escaped_text_has_no_bare_markdown_character(text: str) -> None:
    bare = md_escape(text).replace("\\\\", "")
    for position, character in enumerate(bare):
        if character in "`*_[]<>$:#|~":
            assert bare[position - 1] == "\\"


@given(st.lists(CELLS, min_size=1, max_size=5), st.text(max_size=8))
def test_no_text_cell_of_a_download_starts_a_formula(cells: list[object], name: str) -> None:
    table = pd.DataFrame({name: pd.Series(cells, dtype=object)})

    rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))

    assert not rows[0][0].startswith(FORMULA_STARTS)
    for cell, written in zip(cells, [row[0] if row else "" for row in rows[1:]], strict=False):
        if isinstance(cell, str):
            assert not written.startswith(FORMULA_STARTS)


def test_numbers_stay_numbers_and_lists_become_words() -> None:
    table = pd.DataFrame({"a": [-0.5, 2.0], "b": [["-x", "y"], []], "c": ["=1+1", None]})

    assert to_csv(table) == '"a","b","c"\n-0.5,"\'-x y","\'=1+1"\n2.0,"",""\n'


@pytest.mark.parametrize("text", ["first\r=1+1", 'first\nsecond, and "third"'])
def test_text_with_line_breaks_stays_one_cell(text: str) -> None:
    table = pd.DataFrame({text: [text]})

    assert list(csv.reader(io.StringIO(to_csv(table), newline=""))) == [[text], [text]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90061, "1 d 1 h"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_durations_show_their_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration_text(seconds).replace(" 0 s", "").replace(" 0 min", "") == text


def test_a_moment_in_the_future_is_named_as_such() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert ago_text(now - timedelta(days=3), now) == "3 d ago"
    assert ago_text(now + timedelta(seconds=2), now) == "0 s ago"
    assert "clocks" in ago_text(now + timedelta(hours=2), now)
    assert ago_text(None, now) == "–"
    assert ago_text(pd.NaT, now) == "–"  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [_text, _location, paths, sentences, plain, voices])
def test_docstring_examples(module: ModuleType) -> None:
    outcome = doctest.testmod(module)

    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize("text", ["https://evil.example", "www.evil.example", "a@evil.example", ":material/home:"])
def test_addresses_and_icons_are_broken_invisibly(text: str) -> None:
    escaped = md_escape(text).replace("\\", "")

    assert text not in escaped
    assert escaped.replace("\u2060", "") == text


def test_words() -> None:
    assert count_text(1, "run") == "1 run"
    assert count_text(1200, "run") == "1,200 runs"
    assert join_text([]) == ""
    assert join_text(["a"]) == "a"
    assert join_text(["a", "b"]) == "a and b"


def test_learning_rates_in_tables_keep_three_digits_and_other_numbers_all() -> None:
    columns = {
        "lr": streamlit.column_config.NumberColumn(format=LR_FORMAT),
        "loss": streamlit.column_config.NumberColumn(),
    }
    table = pd.DataFrame({"lr": [0.00031622776, 2e-4, None], "loss": [1.23456789, 2.0, 3.0]})

    shown = round_rates(table, columns)

    assert shown["lr"].tolist()[:2] == [3.16e-4, 2e-4]
    assert shown["lr"].isna().tolist() == [False, False, True]
    assert shown["loss"].tolist() == table["loss"].tolist()
