"""The page Import with W&B projects and the folders of other tools: real imports of real logs, as jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.store import Store
from pages._import_jobs import progress_of
from runner.import_jobs import ImportProgress, list_imports
from runner.import_places import places_from
from tests.pages.conftest import APP, PAGES, OpenPage, shown_text

LOGS = Path(__file__).parents[1] / "analysis" / "importers" / "tinker" / "logs"
FOLDERS = {"import-from": "Files and folders"}
PROJECT = {"import-from": "W&B project"}


@pytest.fixture
def new_store(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in places_from([LOGS], ["http://127.0.0.1:9"], {}).to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    return tmp_path / "new"


def _wait_for_jobs(store: Path, *, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while any(job.state == "running" for job in list_imports(store)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _go_button(app: AppTest) -> str:
    return next(str(button.key) for button in app.button if str(button.key).startswith("import-go-"))


@pytest.mark.parametrize("state", ["missing", "empty", "one_run", "mixed"])
@pytest.mark.parametrize("query", [FOLDERS, PROJECT])
@pytest.mark.usefixtures("new_store")
def test_the_page_asks_whatever_the_store_holds(open_page: OpenPage, state: str, query: dict[str, str]) -> None:
    app = open_page(state, "Import", **query)
    assert not app.exception
    assert app.button(key="import-preview-now").disabled


@pytest.mark.slow
def test_a_folder_is_previewed_imported_and_known_the_second_time(open_page: OpenPage, new_store: Path) -> None:
    app = open_page("new", "Import", **FOLDERS)
    app.selectbox(key="import-path").set_value(str(LOGS)).run()
    app.button(key="import-preview-now").click().run()
    _wait_for_jobs(new_store)
    app.run()
    assert not app.exception
    assert "source**" in shown_text(app).replace("sources**", "source**")
    assert Store.open_if_made(new_store) is None

    app.button(key=_go_button(app)).click().run()
    _wait_for_jobs(new_store)
    app.run()
    assert not app.exception
    runs = Store.open(new_store).snapshot().runs()
    assert set(runs["source"]) == {"tinker"}
    assert f"**{len(runs)} runs**: {len(runs)} new" in shown_text(app)
    verdicts = next(frame.value for frame in app.dataframe if "verdict" in frame.value.columns)
    assert {verdict for (verdict,) in verdicts["verdict"]} <= {"complete", "partial", "unverified", "quarantined"}

    health = open_page("new", "Data health")
    assert not health.exception
    assert "Imports" in [each.value for each in health.subheader]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "words"), [("0123456789" * 4, "cannot be reached"), (None, "WANDB_API_KEY")])
def test_a_server_that_does_not_answer_is_one_sentence(
    open_page: OpenPage,
    new_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    words: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("WANDB_API_KEY", key)
    app = open_page("new", "Import", **PROJECT)
    app.text_input(key="import-project").set_value("team/project").run()
    app.selectbox(key="import-server").set_value("http://127.0.0.1:9").run()
    app.button(key="import-preview-now").click().run()
    _wait_for_jobs(new_store)
    app.run()
    assert not app.exception
    (error,) = app.error
    assert words in error.value.replace("\\", "")
    assert "Traceback" not in error.value
    assert not [button for button in app.button if str(button.key).startswith("import-go-")]


@pytest.mark.parametrize("path", ["/etc", "../..", "no-such-folder"])
def test_other_folders_are_refused_in_one_sentence(new_store: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("UCURVE_STORE", str(new_store))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.session_state["import-from"] = FOLDERS["import-from"]
    app.session_state["import-path"] = path  # typed: AppTest itself can only choose what is offered
    app.run()
    app.switch_page(PAGES["Import"]).run()
    assert not app.exception
    assert "import-root" in app.error[0].value.replace("\\", "")
    assert app.button(key="import-preview-now").disabled


@pytest.mark.usefixtures("new_store")
def test_only_the_servers_that_were_named_can_be_asked(open_page: OpenPage) -> None:
    app = open_page("new", "Import", **PROJECT)
    assert app.selectbox(key="import-server").options == ["http://127.0.0.1:9", "https://api.wandb.ai"]


@pytest.mark.parametrize(
    ("progress", "share", "words"),
    [
        (ImportProgress(n_found=3), 0.0, "3 sources so far"),
        (ImportProgress(3, 4, 1, "a*b", 5, 10), 0.375, "1 of 4 sources done: a\\*b, 5 rows"),
        (ImportProgress(3, 4, 4), 1.0, "4 of 4 sources done"),
        (ImportProgress(1, 1, 0, "a", 20, 10), 1.0, "20 rows"),
        (ImportProgress(0, 0, 0), 0.0, "0 of 0 sources"),
    ],
)
def test_progress_in_words(progress: ImportProgress, share: float, words: str) -> None:
    found, text = progress_of(progress)
    assert found == pytest.approx(share)
    assert words in text
