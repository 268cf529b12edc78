"""Markdown and tables of an honest report."""

from __future__ import annotations

import copy
import dataclasses
import io

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analysis.figures.embed import draw_both
from analysis.figures.theme import Theme
from analysis.reports.cells import format_cell
from analysis.reports.markdown import render_markdown
from analysis.reports.tables import CONTENTS, render_tables
from analysis.reports.types import Report
from analysis.wording.voices import gfm_escape


def test_markdown_without_pictures_has_the_tables_behind_them(report: Report) -> None:
    without = render_markdown(report)
    pictured = render_markdown(report, {figure.name: f"p/{figure.name}.png" for figure in report.figures})

    assert "![" not in without
    assert pictured.count("![") == len(report.figures)
    assert "*Every point of the U-curves*" in without


def test_only_one_line_of_markdown_and_of_the_tables_differs_later(report: Report) -> None:
    later = dataclasses.replace(report, made_at="2030-01-01T00:00:00+00:00")

    def lines(of: Report) -> list[str]:
        tables = render_tables(of, "csv").values()
        return [*render_markdown(of).split("\n"), *(line for table in tables for line in table.decode().split("\n"))]

    different = [old for old, new in zip(lines(report), lines(later), strict=True) if old != new]
    assert len(different) == 2  # one of the Markdown, one of the list of tables


def test_parquet_holds_every_row_and_digit(report: Report) -> None:
    files = render_tables(report, "parquet")

    assert set(files) == {CONTENTS, *(table.name for _, table in report.tables)}
    for _, table in report.tables:
        read = pd.read_parquet(io.BytesIO(files[table.name]))
        assert list(read.columns) == list(table.frame.columns)
        assert len(read) == len(table.frame)
        for name in read.columns:
            if pd.api.types.is_float_dtype(table.frame[name]):
                pd.testing.assert_series_equal(read[name], table.frame[name], check_index=False)


def test_the_list_of_tables_names_them_all(report: Report) -> None:
    contents = pd.read_parquet(io.BytesIO(render_tables(report, "parquet")[CONTENTS]))

    assert list(contents["table"][1:]) == [table.name for _, table in report.tables]
    assert len(set(contents["table"])) == len(contents)


PLAIN = {"paragraph", "inline", "table", "thead", "tr", "th"}


@given(st.text(max_size=60))
def test_escaped_text_is_read_back_as_itself(text: str) -> None:
    escaped = gfm_escape(text)
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(f"x\n\n{escaped}\n\n| {escaped} |\n|---|\n")

    kinds = [token.type for token in tokens]
    said = [child.type for token in tokens for child in token.children or []]
    assert set(said) <= {"text", "text_special", "softbreak"}
    assert {kind.removesuffix("_open").removesuffix("_close") for kind in kinds} <= PLAIN
    assert kinds.count("th_open") == 1


@pytest.mark.parametrize(
    ("name", "cell", "text"),
    [
        ("learning_rate", 0.0016, "1.6e-3"),
        ("optimum_lr", None, "–"),
        ("x", float("nan"), "–"),
        ("mean_eval_loss", 2.34567891, "2.3457"),
        ("difference", -0.0123456, "-0.0123"),
        ("p", 0.0002, "2e-4"),
        ("n", 12345, "12,345"),
        ("seed", 12345, "12345"),
        ("flag", True, "yes"),
        ("peak_memory_bytes", 3 * 2**30, "3.0 GiB"),
        ("wall_s", 95.0, "1 min 35 s"),
        ("run_ids", [f"r{n}" for n in range(8)], "r0 r1 r2 r3 r4 r5 … 2 more"),
        ("when", pd.Timestamp("2026-01-02T03:04:05Z"), "2026-01-02 03:04"),
        ("when", pd.NaT, "–"),
    ],
)
def test_cells_read_as_people_write_them(name: str, cell: object, text: str) -> None:
    assert format_cell(name, cell) == text


def test_the_changes_for_a_dark_page_make_the_dark_figure() -> None:
    def plot(theme: Theme) -> go.Figure:
        figure = go.Figure(layout={"template": f"plotly_{'white' if theme == 'light' else 'dark'}"})
        figure.add_scatter(x=[1, 2], y=[3, 4], line={"color": "red" if theme == "light" else "blue"})
        if theme == "dark":
            figure.add_annotation(text="only here")
        return figure

    light, changes = draw_both(plot)
    drawn = copy.deepcopy(light)
    for path, value in changes:
        place = drawn
        for step in path[:-1]:
            place = place[step]  # type: ignore[index]
        if path:
            place[path[-1]] = value  # type: ignore[index]

    assert drawn["data"][0]["line"] == {"color": "blue"}
    assert drawn["layout"]["annotations"][0]["text"] == "only here"
    assert light["data"][0]["line"] == {"color": "red"}
