"""`ucurve agree`: from the shell to the curve and back."""

from typing import Any

import pytest

from analysis.store import MetricRow, Store
from analysis.store.name_rules import NAME_RULES
from tests.runner.cli.calling import Answer, Caller


@pytest.fixture
def agree(ucurve: Caller, store: Store) -> Any:  # noqa: ANN401 - a function of any arguments
    for source, model, metric in (("ucurve", "Qwen/Qwen3-8B", "eval_loss"), ("wandb", "qwen3", "my loss")):
        store.append(
            runs=[{"run_id": source, "source": source, "model": model, "status": "finished"}],
            metrics=[MetricRow(source, 1, 0, 1, 0.0, metric, 2.5)],
        )

    def call(*arguments: object) -> Answer:
        return ucurve("agree", *arguments, "--store", store.location)

    return call


def test_a_value_counts_as_another_until_that_is_undone(agree: Any, ucurve: Caller, store: Store) -> None:  # noqa: ANN401
    done = agree("value", "model", "qwen3", "Qwen/Qwen3-8B", "--source", "wandb", "--because", "same weights")
    assert done.code == 0
    assert done.out.startswith("model qwen3 in runs of wandb counts as Qwen/Qwen3-8B (")
    where = ("--store", store.location, "--where", "model=Qwen/Qwen3-8B", "--json")
    runs: Any = ucurve("runs", *where).json
    assert [run["run_id"] for run in runs] == ["ucurve", "wandb"]
    assert [run["agreed_on"] for run in runs] == [None, "model"]
    only: Any = ucurve("runs", *where, "--where", "source=wandb").json
    assert [run["run_id"] for run in only] == ["wandb"]
    (listed,) = agree("list", "--json").json["agreements"]
    assert (listed["what"], listed["value"], listed["because"]) == ("model", "qwen3", "same weights")
    assert "same weights" in agree("list").out
    undone = agree("undo", listed["agreement_id"])
    assert "no longer counts as" in undone.out
    assert [run["run_id"] for run in ucurve("runs", *where).json] == ["ucurve"]  # type: ignore[attr-defined]
    assert "taken back" in agree("list").out


def test_a_missing_value_and_a_metric(agree: Any, ucurve: Caller, store: Store) -> None:  # noqa: ANN401
    assert "(not stated)" in agree("value", "tokenizer_id", "t", "--missing").out
    assert agree("metric", "my loss", "eval_loss", "--json").json["is_new"] is True
    assert "as before" in agree("metric", "my loss", "eval_loss").out
    runs: Any = ucurve("runs", "--store", store.location, "--json").json
    assert [(run["tokenizer_id"], run["logged_as"], run["value"]) for run in runs] == [
        ("t", "eval_loss", 2.5),
        ("t", "my loss", 2.5),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("value", "seed", "1", "2"), "values of 'seed' cannot be agreed on"),
        (("value", "model", "a"), "write `ucurve agree value COLUMN VALUE COUNTS_AS`"),
        (("value", "model", "a", "b", "--missing"), "write `ucurve agree value COLUMN COUNTS_AS --missing`"),
        (("metric", "a", "a"), "counts as itself already"),
        (("undo", "x"), "there is no agreement 'x'"),
    ],
)
def test_what_makes_no_sense_ends_with_a_sentence(agree: Any, arguments: tuple[str, ...], said: str) -> None:  # noqa: ANN401
    answer = agree(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_what_no_run_has_is_said_beside_the_result(agree: Any) -> None:  # noqa: ANN401
    assert "No run has the model 'qwen' so far" in agree("value", "model", "qwen", "x").err


def test_the_rules_are_listed_on_request(agree: Any) -> None:  # noqa: ANN401
    assert agree("list", "--json").json == {"agreements": []}
    rules = agree("list", "--rules", "--json").json["agreements"]
    assert {(rule["value"], rule["counts_as"]) for rule in rules} == {
        (rule.logged, rule.counts_as) for rule in NAME_RULES
    }
    assert agree("undo", rules[0]["agreement_id"]).code == 0
