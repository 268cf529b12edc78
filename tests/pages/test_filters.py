from __future__ import annotations

import pandas as pd
import pytest

from analysis.runs.filters import Condition, parse_condition
from pages._filters import merge_alternatives, objectives, suggest_conditions, sweep_ids
from tests.pages.conftest import PAGES, OpenPage, shown_text
from tests.pages.stores import STATES


def runs_shown(app: object) -> pd.DataFrame:
    tables = [table for table in app.dataframe if str(table.key).startswith("runs-")]  # type: ignore[attr-defined]
    assert len(tables) == 1
    shown: pd.DataFrame = tables[0].value
    return shown


def test_choosing_a_sweep_shrinks_the_table(open_page: OpenPage) -> None:
    app = open_page("mixed", "Runs")
    everything = runs_shown(app)

    app.selectbox(key="sweep").select("older").run()

    assert not app.exception
    assert len(everything) == len(STATES["mixed"]())
    assert len(runs_shown(app)) == 4
    assert set(runs_shown(app)["lora_rank"]) == {16}


def test_a_typed_filter_shrinks_the_table_and_is_named_above_it(open_page: OpenPage) -> None:
    app = open_page("mixed", "Runs")

    app.multiselect(key="where").set_value(["learning_rate>=1e-3", "batch_size=16"]).run()

    assert not app.exception
    assert len(runs_shown(app)) == 4
    assert "4 of 33 runs" in shown_text(app)


def test_several_values_of_one_column_mean_any_of_them(open_page: OpenPage) -> None:
    app = open_page("mixed", "Runs")

    app.multiselect(key="where").set_value(["lora_rank=8", "lora_rank=16", "sweep_id=older"]).run()

    assert len(runs_shown(app)) == 4


@pytest.mark.parametrize("title", PAGES)
def test_a_link_restores_the_filters_on_every_page(open_page: OpenPage, title: str) -> None:
    app = open_page("mixed", title, sweep="demo-a", where=["batch_size=16", "seed=0"], metric="eval_bpb")

    assert not app.exception
    assert app.selectbox(key="sweep").value == "demo-a"
    assert app.selectbox(key="metric").value == "eval_bpb"
    assert app.multiselect(key="where").value == ["batch_size=16", "seed=0"]
    assert "7 of 33 runs" in shown_text(app)


@pytest.mark.parametrize("key", ["sweep", "metric"])
def test_shared_filters_live_in_the_address_bar(open_page: OpenPage, key: str) -> None:
    app = open_page("mixed", "Overview")

    assert app.selectbox(key=key).proto.query_param_key == key
    assert app.multiselect(key="where").proto.query_param_key == "where"


def test_a_link_restores_the_ticked_runs(open_page: OpenPage) -> None:
    runs = STATES["mixed"]()
    chosen = [runs[0].run_id, runs[6].run_id]

    app = open_page("mixed", "Runs", run=chosen)

    assert not app.exception
    assert set(app.query_params["run"]) == set(chosen)


def test_one_chosen_run_shows_its_whole_configuration(open_page: OpenPage) -> None:
    run = STATES["mixed"]()[0]

    app = open_page("mixed", "Runs", run=run.run_id)

    [configuration] = [table.value for table in app.dataframe if "meaning" in table.value]
    settings = dict(zip(configuration["setting"], configuration["value"], strict=True))
    assert settings["learning_rate"] == "5e-05"
    assert settings["adam.beta1"] == "0.9"
    assert "config_json" not in settings


def test_grouping_lives_in_the_address_bar_and_changes_the_curves(open_page: OpenPage) -> None:
    split = open_page("mixed", "Learning rate", sweep="demo-a")
    folded = open_page("mixed", "Learning rate", sweep="demo-a", group="seed")

    assert folded.multiselect(key="group").value == []  # replicates are never a curve of their own
    assert split.multiselect(key="group").proto.query_param_key == "group"
    assert "batch_size" in split.multiselect(key="group").options
    assert len(split.metric) == 6  # two batch sizes, three numbers each

    folded = open_page("mixed", "Learning rate", group="lora_rank", where=["lora_rank=8"])
    assert not folded.exception


def test_the_whole_loss_range_is_one_switch_away_and_lives_in_the_address_bar(open_page: OpenPage) -> None:
    app = open_page("cliff", "Learning rate")
    assert app.toggle(key="whole").proto.query_param_key == "whole"

    app.toggle(key="whole").set_value(True).run()

    assert "frames the valley" not in shown_text(app)
    assert "frames the valley" not in shown_text(open_page("cliff", "Learning rate", whole="true"))


@pytest.mark.parametrize("text", ["nonsense", "no_such_column=1", "batch_size=many"])
def test_a_filter_that_cannot_be_read_is_explained_and_can_be_removed(open_page: OpenPage, text: str) -> None:
    app = open_page("mixed", "Runs", where=text)

    assert not app.exception
    assert len(app.warning) == 1
    assert "Remove or correct the filter" in app.warning[0].value
    assert not app.dataframe

    app.multiselect(key="where").set_value([]).run()
    assert len(runs_shown(app)) == 33


def test_filters_that_leave_nothing_say_so(open_page: OpenPage) -> None:
    app = open_page("mixed", "Best configuration", where="batch_size=1000")

    assert not app.exception
    assert "No run passes these filters" in app.info[0].value


def test_alternatives_merge_only_for_equality() -> None:
    merged = merge_alternatives(
        [parse_condition(text) for text in ("a=1", "b>2", "a=3,4", "b>5", "a=1", "c!=1", "c!=2")]
    )

    assert merged == (
        Condition("a", "=", (1, 3, 4)),
        Condition("b", ">", 2),
        Condition("b", ">", 5),
        Condition("c", "!=", 1),
        Condition("c", "!=", 2),
    )


def test_only_columns_that_vary_are_suggested(stores: dict[str, object]) -> None:
    from analysis.store import Store

    runs = Store.open(str(stores["mixed"])).snapshot().runs()
    suggestions = suggest_conditions(runs)

    assert {"batch_size=8", "batch_size=16", "status=failed"} <= set(suggestions)
    assert not any(text.startswith("model=") for text in suggestions)
    assert sweep_ids(runs) == ["demo-a", "older"]
    for text in suggestions:
        assert str(parse_condition(text)) == text


def test_loss_comes_first_and_the_learning_rate_is_no_objective() -> None:
    assert objectives(["lr_now", "train_loss", "zeta", "eval_loss"]) == ["eval_loss", "train_loss", "zeta"]
    assert objectives([]) == ["eval_loss"]
