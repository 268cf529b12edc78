"""Rules that keep every page inside the frame, and the served dashboard safe by default."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from streamlit import config as streamlit_config
from streamlit.testing.v1 import AppTest

from pages._errors import problems_as_text
from pages._location import store_location
from tests.pages.conftest import APP, PAGES, OpenPage
from tests.pages.stores import all_diverged, one_run, write_store

ROOT = APP.parent
PAGE_FILES = sorted(path for path in (ROOT / "pages").glob("*.py") if not path.name.startswith("_"))
REGISTRY = (ROOT / "pages" / "_registry.py").read_text()


def test_every_page_file_is_registered_and_explained() -> None:
    registered = re.findall(r'"pages/(\w+)\.py"', REGISTRY)

    assert sorted(registered) == [path.stem for path in PAGE_FILES]
    assert set(PAGES.values()) == {f"pages/{path.name}" for path in PAGE_FILES}
    assert REGISTRY.count("help=") == len(PAGE_FILES)
    assert "url_path=" not in REGISTRY  # a page's address is its file's name, see `navigate`


def test_no_helper_is_named_like_a_page() -> None:
    # Before st.navigation has run, Streamlit takes every file for a page and ignores a leading underscore.
    stems = [path.stem.lstrip("_") for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__"]

    assert len(stems) == len(set(stems))


def test_navigation_runs_before_anything_that_can_stop() -> None:
    lines = [line for line in APP.read_text().splitlines() if line and not line.startswith(("from", "import", '"'))]

    assert lines[0] == "standing = read_standing()"
    assert lines[1].startswith("st.set_page_config(page_icon=ICON")
    assert lines[2] == "page = navigate(shown=standing.is_inside)"


def test_every_page_has_a_paragraph_in_the_documentation() -> None:
    documentation = (ROOT / "docs" / "dashboard.md").read_text()

    for title in PAGES:
        assert f"**{title}**" in documentation


@pytest.mark.parametrize("path", [APP, *sorted((ROOT / "pages").glob("*.py"))], ids=lambda path: path.name)
def test_no_page_writes_html(path: Path) -> None:
    known = {"_style.py": ["st.html"]}  # a constant: tests/pages/test_style.py

    assert re.findall(r"unsafe_allow|st\.html|components\.|st\.iframe", path.read_text()) == known.get(path.name, [])


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


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_a_page_started_by_itself_starts_again_inside_the_frame(
    stores: dict[str, Path], monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setenv("UCURVE_STORE", str(stores["one_run"]))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page(f"pages/{path.name}").run()  # the first run of all: st.navigation has not run yet

    assert not app.exception
    assert {f"pages/{path.name}"} == {file for title, file in PAGES.items() if app.title[0].value == title}
    assert app.sidebar.selectbox(key="sweep").value == "All sweeps"


def test_a_folder_that_is_no_store_is_named(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("not a store")
    monkeypatch.setitem(stores, "foreign", tmp_path)

    app = open_page("foreign", "Overview")

    assert not app.exception
    assert str(tmp_path) in app.info[0].value.replace("\\", "")


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


def test_the_overview_leads_on_to_the_pages_that_decide(open_page: OpenPage) -> None:
    labels = [link.proto.label for link in open_page("mixed", "Overview").get("page_link")]
    assert labels == [
        "What the U-curve says",
        "Which configuration is best",
        "How it scales with the batch size",
        "What matters",
    ]


@pytest.mark.parametrize("state", ["missing", "empty"])
def test_without_runs_a_page_leads_to_launch_and_import(open_page: OpenPage, state: str) -> None:
    links = open_page(state, "Overview").get("page_link")
    assert [link.proto.page for link in links] == ["launch", "import_runs"]
