"""Rules that keep every page inside the frame, and the served dashboard safe by default."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from streamlit import config as streamlit_config

from pages._errors import problems_as_text
from pages._location import store_location
from pages._view import current_view
from tests.pages.conftest import APP, PAGES, OpenPage
from tests.pages.stores import all_diverged, one_run, write_store

ROOT = APP.parent
PAGE_FILES = sorted(path for path in (ROOT / "pages").glob("*.py") if not path.name.startswith("_"))
REGISTERED = dict(re.findall(r'"pages/(\w+)\.py".*?url_path="(\w+)"', APP.read_text(), flags=re.DOTALL))


def test_every_page_file_is_registered_with_an_address_and_a_help() -> None:
    assert set(REGISTERED) == {path.stem for path in PAGE_FILES}
    assert set(PAGES.values()) == {f"pages/{path.name}" for path in PAGE_FILES}
    assert APP.read_text().count("help=") == len(PAGE_FILES)


def test_no_file_name_is_an_address() -> None:
    # Until st.navigation has run, Streamlit would serve such a file by itself, outside the frame.
    stems = [path.stem.lstrip("_") for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__"]

    assert len(stems) == len(set(stems))
    assert not set(stems) & set(REGISTERED.values())


def test_navigation_runs_before_anything_that_can_stop() -> None:
    lines = [line for line in APP.read_text().splitlines() if re.match(r"(page = )?(st\.|with )|if ", line)]

    assert lines[0].startswith("page = st.navigation(")


def test_every_page_has_a_paragraph_in_the_documentation() -> None:
    documentation = (ROOT / "docs" / "dashboard.md").read_text()

    for title in PAGES:
        assert f"**{title}**" in documentation


@pytest.mark.parametrize("path", [APP, *sorted((ROOT / "pages").glob("*.py"))], ids=lambda path: path.name)
def test_no_page_writes_html(path: Path) -> None:
    assert not re.search(r"unsafe_allow|st\.html|components\.|st\.iframe", path.read_text())


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_a_page_composes_and_does_not_compute(path: Path) -> None:
    source = path.read_text()

    assert "def " not in source
    assert "import pandas" not in source
    assert len(source.splitlines()) <= 60


def test_the_served_dashboard_is_closed_by_default() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())

    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableAgentApi"] is False
    assert settings["server"]["enableStaticServing"] is False
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["enableCORS"] is True
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["client"]["disableDataExport"] is True
    assert settings["runner"] == {
        "postScriptGC": False,
        "enforceSerializableSessionState": True,
        "magicEnabled": False,
    }


def test_every_setting_is_one_that_streamlit_knows() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    known = set(streamlit_config._config_options_template or ())

    for section in ("server", "browser", "client", "runner"):
        for name in settings[section]:
            assert f"{section}.{name}" in known


@pytest.mark.parametrize(
    ("arguments", "environment", "location"),
    [
        (["--store", "here"], {"UCURVE_STORE": "there"}, "here"),
        (["--store=here"], {}, "here"),
        ([], {"UCURVE_STORE": "there"}, "there"),
        (["--store"], {}, "./ucurve-store"),
        ([], {"UCURVE_STORE": ""}, "./ucurve-store"),
    ],
)
def test_the_argument_wins_over_the_environment(
    arguments: list[str], environment: dict[str, str], location: str
) -> None:
    assert store_location(arguments, environment) == location


def test_only_our_own_problems_become_text() -> None:
    with pytest.raises(ZeroDivisionError), problems_as_text():
        raise ZeroDivisionError


def test_a_page_file_alone_has_no_view() -> None:
    with pytest.raises(LookupError):
        current_view()


def test_a_folder_that_is_no_store_is_named(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("not a store")
    monkeypatch.setitem(stores, "foreign", tmp_path)

    app = open_page("foreign", "Overview")

    assert not app.exception
    assert str(tmp_path) in app.text[0].value


def test_a_store_that_comes_into_being_shows_up(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    app = open_page("new", "Overview")
    assert "no store here yet" in app.info[0].value

    write_store(tmp_path / "new", [])
    app.run()
    assert "store is empty" in app.info[0].value

    write_store(tmp_path / "new", one_run())
    app.run()
    assert app.metric[0].value == "1"


def test_a_new_store_in_an_old_place_replaces_it(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "place", write_store(tmp_path / "place", one_run()))
    app = open_page("place", "Overview")
    assert app.metric[0].value == "1"

    shutil.rmtree(tmp_path / "place")
    write_store(tmp_path / "place", all_diverged())
    app.run()
    assert app.metric[0].value == "3"
