"""Tags, notes and stars on the pages, and saved views: said, seen, filtered by, taken back, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.errors import StoreError
from analysis.store import Store
from analysis.store.annotating import Wish, annotate, save_view
from analysis.store.annotations import Annotation, Author, Subject
from analysis.wording.voices import md_escape
from runner.access.authority import Authority
from runner.access.served import serving_under
from tests.pages.conftest import PAGES, shown_text
from tests.pages.stores import FakeRun, half_finished, write_store
from tests.pages.test_filters import runs_shown

HOSTILE = "</script> [x](javascript:1) :red[!] *b*"
ANN = Author(f"Ann {HOSTILE}", "u-ann", "dashboard")
Open = Callable[..., AppTest]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(write_store(tmp_path / "store", [*half_finished(), FakeRun(learning_rate=9e-5, sweep_id="old")]))


@pytest.fixture
def open_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> Open:
    def run(title: str = "Runs", **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("UCURVE_STORE", store.location)
        app = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        app.switch_page(PAGES[title])
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return run


def holding(store: Store) -> list[Annotation]:
    return [each for each in store.snapshot().annotations() if each.active]


def ids(store: Store) -> list[str]:
    return [str(run_id) for run_id in store.snapshot().runs()["run_id"]]


def test_ticked_runs_are_tagged_noted_and_starred(open_it: Open, store: Store) -> None:
    first, second, *_ = ids(store)
    app = open_it(run=[first, second])
    app.text_input(key="annotate-tag").set_value("good")
    app.text_area(key="annotate-note").set_value(HOSTILE)
    app.button(key="annotate-save").click().run()
    app.button(key="annotate-star").click().run()

    assert not app.exception
    said = {(each.subject.subject_id, each.kind, each.text) for each in holding(store)}
    assert said == {
        (run, *one) for run in (first, second) for one in (("tag", "good"), ("note", HOSTILE), ("star", ""))
    }
    assert app.text_input(key="annotate-tag").value == app.text_area(key="annotate-note").value == ""
    assert HOSTILE in [text.value for text in app.text]
    rows = runs_shown(app).set_index("run_id")
    assert list(rows.loc[[first, second], "tags"]) == ["good", "good"]
    assert list(rows.loc[[first, second], "starred"]) == ["★", "★"]
    assert rows["n_notes"].sum() == 2
    assert {"tag=good", "starred=true"} <= set(app.multiselect(key="where").options)

    app.multiselect(key="where").set_value(["tag=good", "starred=true", "note~script"]).run()
    assert set(runs_shown(app)["run_id"]) == {first, second}


def test_what_was_said_is_taken_back_from_all(open_it: Open, store: Store) -> None:
    first, second, *_ = ids(store)
    annotate(store, [Wish(Subject("run", run), "tag", "bad") for run in (first, second)], ANN)
    app = open_it(run=[first, second])
    assert HOSTILE not in shown_text(app)  # the author's name is Markdown nowhere
    (button,) = [each for each in app.button if str(each.key).startswith("unsay-")]
    button.click().run()

    assert not app.exception
    assert holding(store) == []
    assert "tags" not in runs_shown(app)


def test_a_sweep_is_tagged_on_the_overview_and_its_runs_have_it(open_it: Open, store: Store) -> None:
    app = open_it("Overview")
    app.selectbox(key="annotated-sweep").select("old").run()
    app.text_input(key="annotate-tag").set_value("reviewed")
    app.button(key="annotate-save").click().run()

    assert not app.exception
    assert [each.subject for each in holding(store)] == [Subject("sweep", "old")]
    (table,) = [each.value for each in app.dataframe if str(each.key).startswith("sweeps-")]
    assert dict(zip(table["sweep_id"], table["tags"], strict=True))["old"] == "reviewed"
    assert len(runs_shown(open_it(where="tag=reviewed"))) == 1


def test_compared_runs_are_annotated(open_it: Open, store: Store) -> None:
    first = ids(store)[0]
    app = open_it("Compare runs", run=[first])
    app.button(key="annotate-star").click().run()

    assert not app.exception
    assert [each.subject.subject_id for each in holding(store)] == [first]


def test_whoever_may_not_annotate_sees_what_was_said_and_is_refused(open_it: Open, store: Store) -> None:
    first = ids(store)[0]
    annotate(store, [Wish(Subject("run", first), "tag", "good")], ANN)
    app = open_it(run=[first])  # the page was drawn for somebody who might
    app.text_input(key="annotate-tag").set_value("more")
    with serving_under(Authority.viewing()):
        app.button(key="annotate-save").click().run()

        assert not app.exception
        assert "needs the role launcher" in shown_text(app)
        assert ":material/sell: **good**" in shown_text(app)
        assert [each for each in app.button if str(each.key).startswith(("unsay-", "annotate-"))] == []
    assert [each.text for each in holding(store)] == ["good"]


def test_a_store_that_cannot_be_written_says_so_and_keeps_what_was_typed(
    open_it: Open, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("cannot append to the table: No space left on device")

    app = open_it(run=ids(store)[:1])
    app.text_area(key="annotate-note").set_value("a long thought")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", full)
        app.button(key="annotate-save").click().run()
        assert "No space left on device" in shown_text(app)
        assert app.text_area(key="annotate-note").value == "a long thought"
        app.text_input(key="saved-view-name").set_value("mine").run()
        app.button(key="saved-view-save").click().run()
        assert "No space left on device" in shown_text(app)
    assert not app.exception
    assert holding(store) == []


def test_a_view_is_saved_with_its_page_and_filters_and_deleted(open_it: Open, store: Store) -> None:
    app = open_it(where=["batch_size=8", "lora_rank=8"], sweep="old")
    app.text_input(key="saved-view-name").set_value("mine & *yours*").run()
    app.button(key="saved-view-save").click().run()

    assert not app.exception
    (view,) = holding(store)
    assert (view.subject, view.kind) == (Subject("view", "mine & *yours*"), "query")
    path, _, query = view.text.partition("?")
    assert path == "runs"
    assert {"where=batch_size%3D8", "where=lora_rank%3D8", "sweep=old"} <= set(query.split("&"))
    opened = open_it("Overview")
    opened.button(key=f"open-{view.annotation_id}").click().run()
    assert not opened.exception
    assert opened.button(key=f"open-{view.annotation_id}").label == md_escape("mine & *yours*")
    assert opened.multiselect(key="where").value == ["batch_size=8", "lora_rank=8"]
    assert opened.selectbox(key="sweep").value == "old"
    assert [title.value for title in opened.title] == ["Runs"]
    app.button(key=f"unsave-{view.annotation_id}").click().run()
    assert holding(store) == []


def test_two_views_of_one_name_are_told_and_a_strange_page_opens_the_overview(open_it: Open, store: Store) -> None:
    save_view(store, "mine", "https://evil.example/x?sweep=old", ANN)
    app = open_it(where="batch_size=8")
    (view,) = holding(store)
    app.button(key=f"open-{view.annotation_id}").click().run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Overview"]
    assert (app.selectbox(key="sweep").value, app.multiselect(key="where").value) == ("old", [])
    app.text_input(key="saved-view-name").set_value("mine").run()
    app.button(key="saved-view-save").click().run()
    assert "has saved another view as" in shown_text(app)
