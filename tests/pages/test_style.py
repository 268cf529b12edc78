"""The colours of both themes have the contrast that WCAG 2.2 (AA) asks for, and our rules of style are only that."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages import _style
from tests.contrast import blend, contrast
from tests.pages.conftest import OpenPage

CONFIG = Path(__file__).parents[2] / ".streamlit" / "config.toml"
TEXT = 4.5
"""1.4.3, for text of any size."""
GRAPHICS = 3.0
"""1.4.11, for what is needed to see a control and its focus."""
FADED = 0.6
"""Share of the text's colour in captions, placeholders and the names of columns, as Streamlit mixes it."""
NAMED = ("blueColor", "greenColor", "orangeColor", "redColor", "violetColor", "grayColor", "linkColor", "primaryColor")


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> dict[str, object]:
    colors: dict[str, object] = tomllib.loads(CONFIG.read_text())["theme"][request.param]
    return colors


def backgrounds(theme: dict[str, object]) -> list[str]:
    """What text stands on: the page, what is raised from it, and the same in the sidebar."""
    sides = [theme, theme["sidebar"]]
    return [str(side[name]) for side in sides for name in ("backgroundColor", "secondaryBackgroundColor")]  # type: ignore[index]


def test_text_and_captions_can_be_read(theme: dict[str, object]) -> None:
    text = str(theme["textColor"])
    for behind in backgrounds(theme):
        assert contrast(text, behind) >= TEXT
        assert contrast(blend(text, behind, FADED), behind) >= TEXT, behind


@pytest.mark.parametrize("name", NAMED)
def test_coloured_words_can_be_read(theme: dict[str, object], name: str) -> None:
    assert contrast(str(theme[name]), str(theme["backgroundColor"])) >= TEXT


def test_what_has_the_focus_shows_it(theme: dict[str, object]) -> None:
    [ring] = re.findall(r"outline: 2px solid (#\w{6})", _style._STYLE)

    assert all(contrast(ring, behind) >= GRAPHICS for behind in backgrounds(theme))


def test_words_on_a_filled_button_can_be_read(theme: dict[str, object]) -> None:
    [filled] = re.findall(r"background-color: (#\w{6})", _style._STYLE)

    assert contrast("#ffffff", filled) >= TEXT
    assert contrast(filled, str(theme["backgroundColor"])) >= GRAPHICS


def test_every_page_has_our_rules_and_nothing_else_in_html(open_page: OpenPage) -> None:
    assert re.fullmatch(r"<style>[^<]*</style>", _style._STYLE)
    assert not re.search(r"url\(|@import", _style._STYLE)
    app: AppTest = open_page("mixed", "Runs")

    assert [element.proto.body for element in app.get("html")] == [_style._STYLE]
