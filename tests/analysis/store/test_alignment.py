"""A metric is found under every name that means the same, and nothing is made up on the way."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.store import MetricRow, Store
from analysis.store.agreements import METRIC, Agreement, Agreements
from analysis.store.name_rules import NAME_RULES

KINDS = ("wandb", "trainer", "ucurve", "a table", None)
NAMES = ("eval_loss", "eval/loss", "val/loss", "test/nll", "train_loss", "loss", "train/loss", "num_tokens", "mine")


def fill(store: Store, logged: Mapping[str, Mapping[str, float]], source: str | None = None, attempt: int = 1) -> Store:
    """Run -> name -> its only value."""
    store.append(
        runs=[{"run_id": run, "status": "finished", "source": source, "attempt": attempt} for run in logged],
        metrics=[
            MetricRow(run, attempt, 3, 8, 0.5, name, value)
            for run, values in logged.items()
            for name, value in values.items()
        ],
    )
    return store


def found(store: Store, metric: str) -> dict[str, tuple[float, str]]:
    """Run -> (value, name as logged), of the runs that have it."""
    results = store.snapshot().results(metric)
    has_it = results[results["n_logged"] > 0]
    return {
        run: (value, name)
        for run, value, name in zip(has_it["run_id"], has_it["value"], has_it["logged_as"], strict=True)
    }


@pytest.mark.parametrize("rule", NAME_RULES, ids=lambda rule: rule.logged)
def test_every_rule_finds_the_value_and_keeps_the_name(store: Store, rule: object) -> None:
    rule = next(each for each in NAME_RULES if each is rule)
    source = rule.sources[0] if rule.sources else None
    fill(store, {"r": {rule.logged: 2.5}}, source)
    assert found(store, rule.counts_as) == {"r": (2.5, rule.logged)}
    assert found(store, rule.logged) == {"r": (2.5, rule.logged)}
    assert store.snapshot().metric_names() == [rule.counts_as]
    assert store.snapshot().logged_names() == [rule.logged]
    assert store.snapshot().logged(["r"])["name"].to_pylist() == [rule.logged]
    if rule.sources:
        fill(store, {"other": {rule.logged: 1.0}}, "a table")
        assert found(store, rule.counts_as).keys() == {"r"}
        assert store.snapshot().metric_names() == sorted([rule.counts_as, rule.logged])


def test_the_rules_are_no_riddle() -> None:
    by_name = [(rule.logged, source) for rule in NAME_RULES for source in rule.sources or (None,)]
    assert len(set(by_name)) == len(by_name)
    targets = {rule.counts_as for rule in NAME_RULES}
    assert targets.isdisjoint(rule.logged for rule in NAME_RULES)


def test_the_exact_name_goes_first_then_the_order_of_the_rules(store: Store) -> None:
    fill(
        store,
        {"both": {"val_loss": 1.0, "eval_loss": 2.0}, "three": {"test_loss": 3.0, "test/nll": 4.0, "val/loss": 5.0}},
    )
    assert found(store, "eval_loss") == {"both": (2.0, "eval_loss"), "three": (5.0, "val/loss")}
    assert store.snapshot().metric_names() == ["eval_loss", "test/nll", "test_loss", "val_loss"]


def test_the_last_loss_of_a_trainer_is_not_the_mean_that_it_logs_at_its_end(store: Store) -> None:
    fill(store, {"hf": {"loss": 0.5, "train_loss": 1.5}}, "trainer")
    fill(store, {"oi": {"train_loss": 2.0}}, "open-instruct")
    assert found(store, "train_loss") == {"hf": (0.5, "loss"), "oi": (2.0, "train_loss")}
    summaries = store.snapshot().metric_summaries()
    assert list(zip(summaries["name"], summaries["logged_as"], strict=True)) == [
        ("train_loss", "loss"),
        ("train_loss", "train_loss"),
    ]


def test_only_the_attempt_that_counts_is_looked_at(store: Store) -> None:
    fill(store, {"r": {"eval_loss": 1.0}}, attempt=1)
    fill(store, {"r": {"val_loss": 2.0, "train/loss": 9.0}}, attempt=2)
    assert found(store, "eval_loss") == {"r": (2.0, "val_loss")}
    store.append(metrics=[MetricRow("orphan", attempt, 0, 1, 0.0, name, float(attempt))
                          for attempt, name in ((1, "eval_loss"), (2, "eval/loss"))])  # fmt: skip
    assert list(store.snapshot().curves(["orphan"], "eval_loss")["value"]) == [2.0]


def test_curves_latest_paces_and_summaries_follow(store: Store) -> None:
    steps = range(4)
    logs = {"loss": 3.0, "learning_rate": 0.1, "eval_loss": 2.0}
    rows = [MetricRow("hf", 1, step, 10 * step, 1.0 * step, name, value - step / 10)
            for step in steps for name, value in logs.items()]  # fmt: skip
    rows += [MetricRow("tk", 1, step, 10 * step, -1.0 * step, name, value)
             for step in steps for name, value in (("test/nll", 1.5), ("train_mean_nll", 2.5))]  # fmt: skip
    store.append(runs=[{"run_id": "hf", "status": "running", "source": "wandb"}], metrics=rows)
    store.append(runs=[{"run_id": "tk", "status": "running", "source": "tinker"}])
    snapshot = store.snapshot()
    curves = snapshot.curves(["hf", "tk"], "train_loss")
    np.testing.assert_allclose(curves["value"], [3.0, 2.9, 2.8, 2.7, 2.5, 2.5, 2.5, 2.5])
    latest = snapshot.latest().set_index("run_id")[["last_step", "train_loss", "lr_now", "eval_loss"]].astype(float)
    np.testing.assert_allclose(latest.loc["hf"].to_numpy(), [3, 2.7, -0.2, 1.7])
    np.testing.assert_allclose(latest.loc["tk"].to_numpy(), [3, 2.5, math.nan, 1.5])
    paces = snapshot.paces("eval_loss")
    assert dict(zip(paces["run_id"], paces["n_time_back"], strict=True)) == {"hf": 0, "tk": 3}
    summaries = snapshot.metric_summaries()
    assert list(zip(summaries["run_id"], summaries["name"], strict=True)) == [
        ("hf", "eval_loss"),
        ("hf", "lr_now"),
        ("hf", "train_loss"),
        ("tk", "eval_loss"),
        ("tk", "train_loss"),
    ]


def test_directions_follow_the_aligned_names(store: Store) -> None:
    provenance = '{"metric_directions": {"eval/accuracy": "max", "val/loss": "min", "odd": "max"}}'
    store.append(runs=[{"run_id": "r", "status": "finished", "provenance_json": provenance}])
    assert store.snapshot().metric_directions() == {
        "eval/accuracy": "max", "eval_accuracy": "max", "val/loss": "min", "eval_loss": "min", "odd": "max",
    }  # fmt: skip


@settings(max_examples=20)
@given(
    st.dictionaries(
        st.sampled_from(["r-1", "r-2", "r-3"]),
        st.tuples(
            st.sampled_from(KINDS),
            st.dictionaries(st.sampled_from(NAMES), st.floats(allow_nan=True, width=64), max_size=4),
        ),
        min_size=1,
    ),
    st.sampled_from(NAMES),
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([None, "wandb"]), st.booleans()),
        max_size=3,
    ),
)
def test_alignment_invents_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    logged: dict[str, tuple[str | None, dict[str, float]]],
    metric: str,
    said: list[tuple[str, str, str | None, bool]],
) -> None:
    """Against the same rules, run by run in Python."""
    store = Store.open(tmp_path_factory.mktemp("store") / "s", create=True)
    for run, (source, values) in logged.items():
        fill(store, {run: values}, source)
    agreed = [Agreement(what=METRIC, value=name, counts_as=to, source=source, active=active)
              for name, to, source, active in said]  # fmt: skip
    store.append(agreements=[each.to_row() for each in agreed])
    snapshot = store.snapshot()
    results = snapshot.results(metric).set_index("run_id")[["value", "logged_as"]].to_dict("index")
    every_name = set()
    for run, (source, values) in logged.items():
        name = expected_name(snapshot.agreements, values, metric, source)
        row = results[run]
        every_name |= {str(snapshot.agreements.resolve(METRIC, each, source)) for each in values}
        assert (None if pd.isna(row["logged_as"]) else row["logged_as"]) == name
        assert repr(float(row["value"])) == repr(values[name] if name else math.nan)
        assert len(snapshot.curves([run], metric)) == (name is not None)
    names = set(snapshot.metric_names())
    assert every_name <= names
    assert names <= every_name | {name for _, values in logged.values() for name in values}


def expected_name(agreements: Agreements, values: Iterable[str], metric: str, source: str | None) -> str | None:
    """The name that counts among those that a run logged."""
    order = [each.value for each in agreements.about(METRIC)]
    first = [each.value for each in agreements.about(METRIC) if each.goes_first and each.source == source]
    fitting = [name for name in values if name == metric or agreements.resolve(METRIC, name, source) == metric]
    return min(
        fitting,
        key=lambda name: (name not in first, name != metric, order.index(name) if name in order else 0),
        default=None,
    )
