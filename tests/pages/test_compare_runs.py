from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from analysis.store import MetricRow, RunRow
from analysis.store.schema import RUNS
from pages._run_parts import configuration_table
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import STATES, FakeRun, write_store


@dataclass(frozen=True, kw_only=True)
class Fork(FakeRun):
    """A run that continues another from a step on, counting its own steps from zero."""

    parent: FakeRun
    fork_step: int = 8

    def row(self) -> RunRow:
        return {**super().row(), "parent_run_id": self.parent.run_id, "fork_step": self.fork_step}


def _forks() -> list[FakeRun]:
    parent = FakeRun(learning_rate=4e-4, name="base")
    return [
        parent,
        Fork(learning_rate=2e-4, parent=parent, name="gentler"),
        Fork(learning_rate=1e-3, parent=parent, name="bolder", status="diverged"),
        FakeRun(learning_rate=1e-4, name="other"),
    ]


@pytest.fixture
def forked(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(stores, "forks", write_store(tmp_path / "forks", _forks()))
    return "forks"


def table(app: object, column: str) -> pd.DataFrame:
    [shown] = [item.value for item in app.dataframe if column in item.value]  # type: ignore[attr-defined]
    frame: pd.DataFrame = shown
    return frame


def test_forks_bring_their_parent_and_say_where_they_left_it(open_page: OpenPage, forked: str) -> None:
    parent, gentler, bolder, _ = _forks()

    app = open_page(forked, "Compare runs", run=[gentler.run_id, bolder.run_id])

    assert not app.exception
    assert "Drawn up to the fork" in shown_text(app)
    values = table(app, "run")
    assert list(values["run"]) == ["gentler", "bolder"]
    assert set(values["forked from"]) == {parent.run_id}
    assert list(values["fork_step"]) == [8, 8]


def test_a_link_compares_the_chosen_runs_and_shows_where_they_differ(open_page: OpenPage) -> None:
    runs = STATES["mixed"]()
    chosen = [runs[0].run_id, runs[6].run_id]

    app = open_page("mixed", "Compare runs", run=chosen, curve=["eval_loss", "train_loss"])

    assert not app.exception
    assert set(app.query_params["run"]) == set(chosen)
    assert len(app.get("plotly_chart")) == 2
    assert "The newest" not in shown_text(app)
    difference = table(app, "setting")
    assert set(difference["setting"]) >= {"learning_rate", "batch_size"}
    assert list(difference.columns[1:]) == [runs[0].row()["name"], runs[6].row()["name"]]
    app.selectbox(key="reference").select_index(1).run()
    values = table(app, "run")
    assert values["eval_loss difference"].iloc[1] == 0
    assert values["eval_loss difference"].iloc[0] == values["eval_loss"].iloc[0] - values["eval_loss"].iloc[1]
    assert values["eval_loss is"].iloc[0] == ("worse" if values["eval_loss difference"].iloc[0] > 0 else "better")


def test_smoothing_log_scale_and_tokens_draw(open_page: OpenPage, forked: str) -> None:
    app = open_page(forked, "Compare runs", x="Tokens", smooth="0.5", log="true", curve="eval_loss")

    assert not app.exception
    assert app.toggle(key="log").value is True
    assert app.slider(key="smooth").value == 0.5


def test_a_metric_that_nobody_logged_is_said(open_page: OpenPage) -> None:
    app = open_page("mixed", "Compare runs", where="status=failed", curve="eval_bpb")

    assert not app.exception
    assert app.get("plotly_chart") or app.info


def test_a_run_that_is_not_there_is_ignored(open_page: OpenPage) -> None:
    app = open_page("mixed", "Compare runs", run="gone")

    assert not app.exception
    assert "The newest 6 runs" in shown_text(app)


def test_the_runs_page_sends_its_ticks_along(open_page: OpenPage) -> None:
    run = STATES["mixed"]()[0]

    app = open_page("mixed", "Runs", run=run.run_id)

    assert not app.exception
    [link] = app.get("page_link")
    assert link.proto.label == "Compare 1 ticked run"
    assert run.run_id in str(link.proto)


def test_a_configuration_table_has_no_raw_json() -> None:
    row = pd.Series(
        {**dict.fromkeys(column.name for column in RUNS), "run_id": "a", "config_json": '{"adam": {"beta1": 0.9}}'}
    )
    assert list(configuration_table(row)["setting"]) == ["run_id", "adam.beta1"]


@dataclass(frozen=True, kw_only=True)
class Evaluated(FakeRun):
    """A run that was only evaluated, as tables of results are."""

    def metrics(self) -> Iterator[MetricRow]:
        return (row for row in super().metrics() if row.name == "eval_loss")


def test_curves_start_with_a_metric_that_the_chosen_runs_have_logged(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, evaluated = FakeRun(learning_rate=1e-4), Evaluated(learning_rate=2e-4)
    monkeypatch.setitem(stores, "both", write_store(tmp_path / "both", [trained, evaluated]))

    app = open_page("both", "Compare runs", run=[evaluated.run_id])

    assert app.multiselect(key="curve").value == ["eval_loss"]
    assert len(app.get("plotly_chart")) == 1
    app.multiselect(key="curve").set_value(["grad_norm"]).run()
    app.multiselect(key="compared").set_value([trained.run_id, evaluated.run_id]).run()
    assert app.multiselect(key="curve").value == ["grad_norm"]
