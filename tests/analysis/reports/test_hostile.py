"""Names, notes, tags, values and paths from outside do nothing in any format; secrets are gone from all."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from analysis.reports.comparison import ReportFacts, compare_reports, compose_comparison, read_facts
from analysis.reports.html import render_html
from analysis.reports.markdown import render_markdown
from analysis.reports.pictures import picture_page
from analysis.reports.tables import render_tables
from analysis.reports.types import Report
from runner.reporting.browser import find_chromium, print_pdf
from tests.analysis.reports.conftest import ATTACKS, SECRET
from tests.analysis.reports.page import read_page

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


@pytest.fixture(scope="module")
def page(hostile_report: Report) -> str:
    return render_html(hostile_report)


@pytest.fixture(scope="module")
def markdown(hostile_report: Report) -> str:
    return render_markdown(hostile_report, {figure.name: "pictures/one.png" for figure in hostile_report.figures})


@pytest.fixture(scope="module")
def tables(hostile_report: Report) -> dict[str, str]:
    return {name: content.decode() for name, content in render_tables(hostile_report, "csv").items()}


def does_something(text: str) -> set[str]:
    """Characters that control a terminal or turn the direction of writing."""
    return {each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs")} - {"\u2060"}


def test_html_runs_and_fetches_nothing_of_it(page: str) -> None:
    read = read_page(page)

    assert [found.get("type") for found in read.named("script")] == [
        "application/json",
        "application/json",
        "application/octet-stream",
        None,
    ]
    assert all(address.startswith("#") for address in read.addresses())
    assert read.handlers() == []
    assert read.named("img", "b") == []
    assert "49{%" not in page


def test_html_shows_it_as_it_is(page: str) -> None:
    shown = " ".join(read_page(page).texts["body"])

    for attack in ("</script><script>alert(1)</script>", "{{ 7 * 7 }}{% raw %}", "&lt;b&gt;", "\\u202eevil\\u2066"):
        assert attack in shown


def test_the_page_for_pictures_runs_nothing_of_it(hostile_report: Report) -> None:
    read = read_page(picture_page(hostile_report))

    assert [found.get("type") for found in read.named("script")] == ["application/json", None, None]
    assert read.addresses() == []


def test_no_format_turns_the_direction_of_writing(page: str, markdown: str, tables: dict[str, str]) -> None:
    for text in (page, markdown, *tables.values()):
        assert does_something(text) == set()


def test_no_format_holds_a_secret(hostile_report: Report, page: str, markdown: str, tables: dict[str, str]) -> None:
    for text in (page, markdown, json.dumps(hostile_report.facts), *tables.values()):
        assert SECRET not in text
    assert "[redacted]" in page


def test_a_commit_is_no_secret(page: str) -> None:
    assert "ab12" * 10 in page


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from inline(token.children or [])


def test_markdown_has_no_markup_but_ours(markdown: str, hostile_report: Report) -> None:
    tokens = list(inline(MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(markdown)))
    kinds = {token.type for token in tokens}

    assert not kinds & {"link_open", "html_inline", "html_block", "code_inline", "s_open", "hr", "blockquote_open"}
    pictures = [token.attrGet("src") for token in tokens if token.type == "image"]
    assert pictures == ["pictures/one.png"] * len(hostile_report.figures)
    fences = [token for token in tokens if token.type in ("fence", "code_block")]
    assert {token.info for token in fences} <= {"bash", "yaml", "json"}


def test_no_cell_of_markdown_spills_into_the_next(markdown: str) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    counts: list[int] = []
    for token in tokens:
        if token.type == "tr_open":
            counts.append(0)
        elif token.type in ("th_open", "td_open"):
            counts[-1] += 1
        elif token.type == "table_close":
            assert len(set(counts)) == 1
            counts.clear()
    for line in markdown.splitlines():
        if line.startswith("| "):
            assert line.endswith(" |")


def test_no_address_of_markdown_becomes_a_link_by_itself(markdown: str) -> None:
    outside_code = re.sub(r"^```.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE)

    assert not re.search(r"https?://\w", outside_code)
    assert not re.search(r"(?<!\w)www\.\w", outside_code)


def test_no_cell_of_a_table_starts_a_formula(tables: dict[str, str]) -> None:
    for text in tables.values():
        for row in csv.reader(io.StringIO(text, newline="")):
            for cell in row:
                assert not cell.startswith(STARTS_A_FORMULA) or re.fullmatch(r"-?[\d.e+-]+|-?inf", cell), cell


def test_parquet_keeps_names_as_they_are_but_for_what_would_do_something(hostile_report: Report) -> None:
    content = render_tables(hostile_report, "parquet")["run-list"]

    names = set(pd.read_parquet(io.BytesIO(content))["name"])
    assert ATTACKS[1] in names
    assert "\\u202eevil\\u2066" in names


@pytest.fixture(scope="module")
def comparison(hostile_report: Report) -> Report:
    """What changed from the hostile report to one whose every text attacks: facts are a file that anybody may write."""
    old = read_facts(render_html(hostile_report), "old.html")
    facts = json.loads(json.dumps(old.facts))
    attack = f"{' '.join(ATTACKS)} {SECRET}"
    facts |= {"metric": attack, "where": list(ATTACKS)}
    facts |= {"runs": {text: {"status": text, "value": 1.0} for text in ATTACKS}}
    for decision in facts["decisions"]:
        decision |= {"warnings": [*ATTACKS, SECRET]}
        decision["winner"] |= {"trial_key": "other", "name": attack}
    return compose_comparison(compare_reports(old, ReportFacts(facts, old.made_at)))


def test_a_comparison_of_hostile_reports_does_nothing_in_any_format(comparison: Report) -> None:
    page, text = render_html(comparison), render_markdown(comparison)
    tables = [content.decode() for content in render_tables(comparison, "csv").values()]
    read = read_page(page)
    kinds = {token.type for token in inline(MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text))}
    cells = [cell for table in tables for row in csv.reader(table.splitlines()) for cell in row]

    assert ATTACKS[0] in " ".join(read.texts["body"])
    assert len(read.named("script")) == 4
    assert (read.named("img", "b"), read.handlers()) == ([], [])
    assert all(address.startswith("#") for address in read.addresses())
    assert not kinds & {"link_open", "html_inline", "html_block", "image", "code_inline", "s_open", "blockquote_open"}
    assert not any(cell.startswith(STARTS_A_FORMULA) for cell in cells)
    for written in (page, text, *tables):
        assert (does_something(written), SECRET in written) == (set(), False)


def actions(printed: bytes) -> set[bytes]:
    """What a PDF would do or open besides its own pages."""
    return set(re.findall(rb"/(?:URI|JavaScript|JS|Launch|EmbeddedFile|SubmitForm|GoToR)\b", printed))


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="no chromium on this machine (Debian: apt install chromium)")
def test_a_pdf_opens_nothing_and_runs_nothing(page: str) -> None:
    assert actions(print_pdf("<a href='http://evil.example/'>x</a>")) == {b"/URI"}
    assert actions(print_pdf(page)) == set()
