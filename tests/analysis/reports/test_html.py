from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import re

import pytest

from analysis.figures.embed import draw_again
from analysis.reports.figures_of import figures_of
from analysis.reports.html import render_html
from analysis.reports.types import Report, Section
from tests.analysis.reports.page import Page, read_page


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return read_page(text)


def test_it_is_one_file_that_asks_for_nothing(page: Page) -> None:
    assert all(address.startswith("#") for address in page.addresses())
    assert page.named("link", "iframe", "img", "object", "base", "form") == []
    policy = next(found["content"] for found in page.named("meta") if found.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:", policy)


def test_the_policy_names_the_scripts_that_are_in_it(text: str, page: Page) -> None:
    policy = next(found["content"] for found in page.named("meta") if found.get("http-equiv")) or ""
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)

    assert len(scripts) == 1
    assert f"'sha256-{base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()}'" in policy


def test_it_stays_small(text: str) -> None:
    assert len(text.encode()) < 2_500_000


def test_only_the_line_with_the_time_differs(report: Report, text: str) -> None:
    later = render_html(dataclasses.replace(report, made_at="2030-01-01T00:00:00+00:00"))

    pairs = zip(text.split("\n"), later.split("\n"), strict=True)
    different = [(old, new) for old, new in pairs if old != new]
    assert len(different) == 1
    assert different[0][1] == different[0][0].replace(report.made_at, "2030-01-01T00:00:00+00:00")


def test_those_who_cannot_see_it_can_read_it(page: Page, report: Report) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(page.named("table")) == len(page.named("caption")) > 5
    assert all(found.get("scope") in ("col", "row") for found in page.named("th"))
    assert len(page.named("figcaption")) == len(page.named("figure")) == len(report.figures)
    assert [found["aria-label"] for found in page.named("div") if found.get("role") == "img"] == [
        figure.alt for figure in report.figures
    ]
    assert page.named("html") == [{"lang": "en"}]


def test_its_facts_and_figures_are_json(text: str, report: Report) -> None:
    blocks = dict(re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', text, re.DOTALL))

    assert json.loads(blocks["ucurve-facts"]) == json.loads(json.dumps(report.facts))
    assert len(json.loads(blocks["ucurve-figures"])) == len(report.figures)


def test_a_long_table_says_how_much_is_not_shown(report: Report) -> None:
    runs = next(table for _, table in report.tables if table.name == "run-list")
    section = Section("provenance", "Provenance", (dataclasses.replace(runs, most_rows=1),))

    assert "17 more rows" in render_html(dataclasses.replace(report, sections=(section,)))


def test_the_charts_can_be_read_back_for_both_themes(text: str, report: Report, hostile_report: Report) -> None:
    found = figures_of(text)

    assert list(found) == [figure.name for figure in report.figures]
    for figure in report.figures:
        drawing, light = found[figure.name].drawing, figure.drawing.light
        assert found[figure.name].height == figure.height
        drawn = json.loads(draw_again(drawing, theme="light").to_json())
        assert drawn["data"] == light["data"]
        assert drawn["layout"]["font"] == light["layout"]["font"]  # type: ignore[index]
        dark = json.loads(draw_again(drawing, theme="dark").to_json())
        assert dark["layout"]["font"]["color"] != light["layout"]["font"]["color"]  # type: ignore[index]
    assert list(figures_of(render_html(hostile_report))) == [figure.name for figure in hostile_report.figures]
