"""The page Launch: from an idea to one job, for those who may, whatever is pressed and however often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.strict_yaml.document import parse_yaml
from pages._launch_confirm import launch
from pages._launch_cost import cost_of
from pages._launch_fields import typed_values
from runner.access.authority import Authority
from runner.access.served import serving_under
from runner.drafts.templates import read_templates
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec
from tests.pages.conftest import PAGES, OpenPage, shown_text
from tests.pages.launching import ANNA, HOSTILE, SPEC, FakeEstimator, a_plan, sign_in, submit, use_estimator


@pytest.fixture(autouse=True)
def estimate(monkeypatch: pytest.MonkeyPatch) -> FakeEstimator:
    return use_estimator(FakeEstimator(a_plan(n_done=1)), monkeypatch)


@pytest.fixture
def owner() -> Iterator[None]:
    with serving_under(Authority.local()):
        yield


@pytest.fixture
def store(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that is not there yet, with a queue of its own."""
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    return tmp_path / "new"


def _values(app: AppTest) -> dict[str, object]:
    values = parse_yaml(str(app.text_area(key="launch-yaml").value), "").value
    assert isinstance(values, dict)
    return dict(values)


def _jobs(store: Path) -> list[str]:
    return [job.order.sweep_id for job in Queue.open(store).jobs()]


def _launch(app: AppTest) -> AppTest:
    app.button(key="launch-review-now").click().run()
    assert not app.exception
    return app.button(key="launch-now").click().run()


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("state", ["missing", "empty", "one_run", "all_diverged", "half_finished", "mixed"])
def test_the_page_works_whatever_the_store_holds(open_page: OpenPage, state: str) -> None:
    app = open_page(state, "Launch")
    for kind in ("Template", "Past sweep", "Suggestion", "File"):
        app.segmented_control(key="launch-from").set_value(kind).run()
        assert not app.exception
        assert not app.error
        assert not app.button(key="launch-review-now").disabled


@pytest.mark.usefixtures("owner")
def test_one_press_is_one_job(open_page: OpenPage, store: Path) -> None:
    app = _launch(open_page("new", "Launch"))
    assert not app.exception
    assert _jobs(store) == ["lr-sweep"]
    assert "is in the queue as" in app.success[0].value
    assert app.title[0].value == "Queue"
    app.switch_page(PAGES["Launch"]).run()
    app.run()
    assert _jobs(store) == ["lr-sweep"], "going back and reloading launches nothing"


@pytest.mark.usefixtures("owner")
def test_a_second_tab_gets_the_same_job(open_page: OpenPage, store: Path) -> None:
    tabs = [open_page("new", "Launch"), open_page("new", "Launch")]
    for tab in tabs:
        tab.button(key="launch-review-now").click().run()
    for tab in tabs:
        tab.button(key="launch-now").click().run()
    assert _jobs(store) == ["lr-sweep"]
    assert "launched already" in shown_text(tabs[1])
    third = open_page("new", "Launch")
    third.button(key="launch-review-now").click().run()
    assert "starts no second one" in shown_text(third)
    third.checkbox(key="launch-second").check().run()
    third.button(key="launch-now").click().run()
    assert _jobs(store) == ["lr-sweep", "lr-sweep"], "a second one was asked for in words"


@pytest.mark.usefixtures("owner")
def test_a_callback_that_is_called_twice_submits_once(open_page: OpenPage, store: Path) -> None:
    open_page("new", "Launch")  # so that the store's place is known
    order = order_of(parse_sweep_spec(SPEC.format(name="twice")))
    for _ in range(3):
        launch(order.model_dump_json(), "one-key")
    assert _jobs(store) == ["twice"]


def test_a_viewer_sees_everything_and_starts_nothing(open_page: OpenPage, store: Path, estimate: FakeEstimator) -> None:
    with serving_under(Authority.viewing()):
        app = open_page("new", "Launch")
        assert not app.exception
        assert app.button(key="launch-review-now").disabled
        assert "ucurve app" in shown_text(app)
        assert estimate.asked == [], "not even the estimate's process"
        launch(order_of(parse_sweep_spec(SPEC.format(name="forged"))).model_dump_json(), "k")
    assert _jobs(store) == []


@pytest.mark.parametrize(("role", "n_jobs"), [("viewer", 0), ("launcher", 1), ("admin", 1)])
def test_the_role_is_asked_in_the_action(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, n_jobs: int
) -> None:
    with serving_under(sign_in(ANNA, role, tmp_path, monkeypatch)):
        app = open_page("new", "Launch")
        assert not app.exception
        assert app.button(key="launch-review-now").disabled is (n_jobs == 0)
        launch(order_of(parse_sweep_spec(SPEC.format(name="forged"))).model_dump_json(), "k")
        assert len(_jobs(store)) == n_jobs


def test_a_role_that_was_taken_away_holds_at_the_next_press(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_under(sign_in(ANNA, "launcher", tmp_path, monkeypatch)):
        app = open_page("new", "Launch")
        app.button(key="launch-review-now").click().run()
        sign_in(ANNA, "viewer", tmp_path, monkeypatch)
        app.button(key="launch-now").click().run()
        assert _jobs(store) == []
        assert "Not launched" in shown_text(app)


def test_where_people_sign_in_only_what_is_listed_may_be_trained_with(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimate: FakeEstimator
) -> None:
    with serving_under(sign_in(ANNA, "launcher", tmp_path, monkeypatch)):
        app = open_page("new", "Launch")
        asked = len(estimate.asked)
        app.text_area(key="launch-yaml").set_value(SPEC.format(name="x").replace("skills", "/etc/passwd")).run()
        assert app.button(key="launch-review-now").disabled
        assert "offered here" in shown_text(app)
        assert len(estimate.asked) == asked, "no process reads it"
        forged = order_of(parse_sweep_spec(SPEC.format(name="x").replace("skills", "/etc/passwd")))
        launch(forged.model_dump_json(), "k")
        assert _jobs(store) == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("role", "is_listed", "reads"), [("viewer", True, False), ("launcher", False, False), ("launcher", True, True)]
)
def test_a_model_folder_is_looked_into_only_for_those_who_may_train_with_it(
    open_page: OpenPage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    *,
    is_listed: bool,
    reads: bool,
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"hidden_size": 4242, "model_type": "llama"}')
    with serving_under(sign_in(ANNA, role, tmp_path, monkeypatch)):
        if is_listed:
            with (tmp_path / "ucurve.toml").open("a") as site:
                site.write(f"[catalogue]\nmodels = ['{model}']\n")
        app = open_page("new", "Launch")
        text = (
            SPEC.format(name="t").replace("smollm2-135m", str(model)).replace("[1e-4, 1e-3]", "{around: recommended}")
        )
        app.text_area(key="launch-yaml").set_value(text).run()
        app.selectbox(key="launch-lr-mode").set_value("a list").run()

        assert ("2.78e-4" in str(app.text_area(key="launch-yaml").value)) is reads


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a: [1", "not valid YAML"),
        ("name: [\n", "not valid YAML"),
        (SPEC.format(name="x").replace("1e-4", "'1e-4'"), "without quotes"),
        (SPEC.format(name="x") + "sedes: 3\n", "did you mean 'seeds'"),
        (SPEC.format(name="x").replace("tiny", "x") + "axes: {}\n", "already set"),
        ("model: &a m\n", "anchor"),
        (SPEC.format(name="X Y"), "name"),
        ("- 1\n- 2\n", "key: value"),
        (SPEC.format(name="x") + f"track: {{wandb: {HOSTILE[:20]!r}}}\n", "track"),
        (SPEC.format(name="x").replace("[1e-4, 1e-3]", "{log: [1e-5, 1e-2], points: 200}") + "seeds: 1000\n", "200000"),
    ],
)
def test_a_wrong_file_is_told_with_what_to_do_and_stays_as_it_was_typed(
    open_page: OpenPage, store: Path, text: str, words: str
) -> None:
    app = open_page("new", "Launch")
    app.text_area(key="launch-yaml").set_value(text).run()
    assert not app.exception
    assert words in " ".join(error.value for error in app.error).replace("\\", "")
    assert app.text_area(key="launch-yaml").value == text
    assert not [button for button in app.button if button.key == "launch-review-now"]
    assert _jobs(store) == []


@pytest.mark.usefixtures("owner")
def test_the_form_changes_the_file_and_leaves_its_comments(open_page: OpenPage) -> None:
    app = open_page("missing", "Launch")
    app.text_input(key="launch-batch_size").set_value("4, 16").run()
    app.text_input(key="launch-lora_rank").set_value("").run()
    app.text_input(key="launch-seeds").set_value("3").run()
    app.text_input(key="launch-budget").set_value("50").run()
    app.selectbox(key="launch-budget-unit").set_value("steps").run()
    app.selectbox(key="launch-dataset").set_value("skills").run()
    app.text_input(key="launch-name").set_value("mine").run()
    values = _values(app)
    assert values["axes"] == {
        "learning_rate": {"around": "recommended", "decades": 1, "points": 7},
        "batch_size": [4, 16],
    }
    assert values["training"] == {"max_length": 256}
    assert (values["seeds"], values["budget"], values["dataset"], values["name"]) == (
        3,
        {"steps": 50},
        "skills",
        "mine",
    )
    assert str(app.text_area(key="launch-yaml").value).startswith("# Learning rate")
    assert not app.error


@pytest.mark.usefixtures("owner")
def test_learning_rates_can_be_said_in_three_ways_with_the_same_values(open_page: OpenPage) -> None:
    app = open_page("missing", "Launch")
    app.selectbox(key="launch-lr-mode").set_value("a list").run()
    listed = _values(app)["axes"]
    assert isinstance(listed, dict)
    assert len(listed["learning_rate"]) == 7
    assert listed["learning_rate"][3] == pytest.approx(1.32e-3)
    app.selectbox(key="launch-lr-mode").set_value("from a to b").run()
    assert _values(app)["axes"] == {"learning_rate": {"log": [1.32e-4, 1.32e-2], "points": 7}}
    app.text_input(key="launch-lr-range").set_value("1e-4, 1e-2").run()
    app.text_input(key="launch-lr-points").set_value("3").run()
    app.selectbox(key="launch-lr-mode").set_value("a list").run()
    assert app.text_input(key="launch-lr-list").value == "1e-4, 1e-3, 0.01"


@pytest.mark.usefixtures("owner")
def test_what_the_form_cannot_take_is_told_by_the_file(open_page: OpenPage) -> None:
    app = open_page("missing", "Launch")
    app.text_input(key="launch-batch_size").set_value("4, many").run()
    assert app.text_input(key="launch-batch_size").value == "4, many"
    assert "'many'" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize("text", [HOSTILE, "a, [", "{", "'", "\x00", "[[1]]", "1e999", "&a", "012", ", ,"])
def test_anything_can_be_typed_into_a_field(text: str) -> None:
    assert isinstance(typed_values(text), list)


@pytest.mark.usefixtures("owner")
def test_every_template_can_be_started_from_and_the_file_before_comes_back(open_page: OpenPage) -> None:
    app = open_page("missing", "Launch")
    first = app.text_area(key="launch-yaml").value
    for template in read_templates()[1:3]:
        app.selectbox(key="launch-template").set_value(template.title).run()
        before = app.text_area(key="launch-yaml").value
        app.button(key="launch-use").click().run()
        assert app.text_area(key="launch-yaml").value == template.text
    next(button for button in app.button if button.label == "Back to the file before").click().run()
    assert app.text_area(key="launch-yaml").value == before != first


@pytest.mark.usefixtures("owner")
def test_a_past_sweep_is_made_of_its_runs(open_page: OpenPage) -> None:
    app = open_page("mixed", "Launch")
    app.segmented_control(key="launch-from").set_value("Past sweep").run()
    app.selectbox(key="launch-past").set_value("older").run()
    app.button(key="launch-use").click().run()
    assert not app.error
    assert _values(app)["name"] == "older"
    assert _values(app)["axes"] == {"learning_rate": [1e-4, 2e-4, 4e-4, 8e-4]}


@pytest.mark.usefixtures("owner")
def test_a_suggestion_fills_the_file(open_page: OpenPage) -> None:
    app = open_page("mixed", "Launch")
    app.segmented_control(key="launch-from").set_value("Suggestion").run()
    assert all("refine around the best" in option for option in app.selectbox(key="launch-suggestion").options)
    app.button(key="launch-use").click().run()
    assert str(_values(app)["name"]).endswith("-refine")
    assert _values(app)["seeds"] == 3


@pytest.mark.usefixtures("owner")
def test_the_page_learning_rate_opens_launch_filled_and_starts_nothing(
    open_page: OpenPage, stores: dict[str, Path]
) -> None:
    app = open_page("mixed", "Learning rate")
    next(button for button in app.button if str(button.key).startswith("launch-refine-")).click().run()
    assert not app.exception
    assert app.title[0].value == "Launch"
    assert str(_values(app)["name"]).endswith("-refine")
    assert _jobs(stores["mixed"]) == []


@pytest.mark.usefixtures("owner")
def test_nothing_in_the_address_launches(open_page: OpenPage, store: Path) -> None:
    query = {
        "launch": "1",
        "launch-now": "true",
        "launch-review-now": "true",
        "launch-review": "{}",
        "launch-yaml": "x",
    }
    app = open_page("new", "Launch", **query)
    assert not app.exception
    assert _jobs(store) == []
    assert not [button for button in app.button if button.key == "launch-now"]


@pytest.mark.usefixtures("owner")
def test_a_review_of_another_file_is_forgotten(open_page: OpenPage, store: Path) -> None:
    app = open_page("new", "Launch")
    app.button(key="launch-review-now").click().run()
    app.text_input(key="launch-seeds").set_value("3").run()
    assert not [button for button in app.button if button.key == "launch-now"]
    assert _jobs(store) == []


@pytest.mark.usefixtures("owner")
def test_the_review_says_what_where_and_as_whom(open_page: OpenPage, store: Path) -> None:
    app = open_page("new", "Launch")
    app.button(key="launch-review-now").click().run()
    text = shown_text(app).replace("\\", "").replace("\u2060", "")
    for words in ("smollm2-135m", str(store), "cpu:AMD", "(admin)", "no worker yet", "3 runs; the store has 1 already"):
        assert words in text
    assert any("ucurve" in code.value or "runner.cli" in code.value for code in app.code)
    app.button(key="launch-cancel").click().run()
    assert not [button for button in app.button if button.key == "launch-now"]
    assert _jobs(store) == []


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("fake", "words", "is_open"),
    [
        (FakeEstimator(state="running"), "being made", False),
        (FakeEstimator(state="failed", problem=f"no such model {HOSTILE}"), "no such model", False),
        (FakeEstimator(state="too long", problem="the estimate took longer than 180 s"), "longer than 180 s", True),
        (FakeEstimator(a_plan(n_done=4)), "has all of these runs", False),
        (FakeEstimator({**a_plan(), "memory_problem": "one trial needs 90 GiB"}), "90 GiB", True),
        (FakeEstimator({**a_plan(), "disk": {"adapter_bytes": 5e9, "free_bytes": 1}}), "free", True),
        (FakeEstimator({"runs": []}), "0 runs", False),
        (FakeEstimator({"runs": "?", "memory": 3, "notes": 1}), "0 runs", False),
    ],
)
def test_what_the_dry_run_found_decides(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, fake: FakeEstimator, words: str, *, is_open: bool
) -> None:
    use_estimator(fake, monkeypatch)
    app = open_page("missing", "Launch")
    assert not app.exception
    assert words in shown_text(app).replace("\\", "")
    assert app.button(key="launch-review-now").disabled is not is_open


def test_the_cost_counts_what_is_left() -> None:
    cost = cost_of(a_plan(n_done=1), frozenset({"r3"}))
    assert (cost.n_runs, cost.n_done, cost.n_left, cost.tokens) == (4, 2, 2, 6000)
    assert cost.expected_s == pytest.approx((6000 + 1200 / 3) / 100)


@pytest.mark.usefixtures("owner")
def test_a_damaged_queue_is_one_sentence(open_page: OpenPage, store: Path) -> None:
    submit(store)
    (store / "queue" / "queue.db").write_bytes(b"no database" * 1000)
    for page in ("Launch", "Queue", "Audit", "Import"):
        app = open_page("new", page)
        assert not app.exception
    app = open_page("new", "Launch")
    app.button(key="launch-review-now").click().run()
    assert not app.exception
    assert "queue" in app.error[0].value
    assert "Traceback" not in shown_text(app)


@pytest.mark.usefixtures("owner")
def test_the_sidebar_says_what_waits(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages._queue_store import queue_line

    monkeypatch.setenv("UCURVE_QUEUE", str(tmp_path / "queue"))  # other tests look at this store too
    submit(stores["one_run"])
    jobs = Queue.open(stores["one_run"]).jobs()
    assert queue_line(jobs) == "1 sweep queued"
    assert not open_page("one_run", "Overview").exception
    Queue.open(stores["one_run"], authority=Authority.local()).ask_stop(jobs[0].job_id, jobs[0].person)
    assert queue_line([]) == ""
