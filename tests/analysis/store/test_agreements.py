"""What the user agreed to holds for every question, leaves what is stored alone, and can be taken back."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import ConfigError
from analysis.lr_curves.compute import compute_lr_curves
from analysis.runs.configuration import read_configurations
from analysis.runs.filters import parse_conditions
from analysis.runs.groups import split_curves
from analysis.store import MetricRow, Store
from analysis.store.agreeing import agree, take_back
from analysis.store.agreements import METRIC, RULES, Agreement

LOCAL, REMOTE = "Qwen/Qwen3-8B", "qwen3-8b"
RATES = (1e-4, 2e-4, 4e-4)
BASE = {"dataset": "d", "objective": "sft", "adapter": "lora", "tokenizer_id": "t", "eval_set_id": "e", "max_steps": 9}


def saying(what: str, value: str | None, counts_as: str, source: str | None = None) -> Agreement:
    return Agreement(what=what, value=value, counts_as=counts_as, source=source)


def fill(store: Store, source: str, rates: Sequence[float] = RATES, **columns: object) -> None:
    """A little sweep of one source."""
    for rate in rates:
        run_id = f"{source}-{round(rate * 1e6)}"
        row = {**BASE, "run_id": run_id, "source": source, "status": "finished", "learning_rate": rate, **columns}
        value = 2 + (rate - 2e-4) ** 2 * 1e7
        store.append(runs=[row], metrics=[MetricRow(run_id, 1, 0, 1, 0.0, "eval_loss", value)])


@pytest.fixture
def mixed(store: Store) -> Store:
    """Local runs, and imported ones whose model has another name."""
    fill(store, "ucurve", model=LOCAL)
    fill(store, "wandb", (1e-4, 3e-4), model=REMOTE)
    return store


def curves(store: Store) -> list[tuple[set[str], tuple[str, ...]]]:
    """Sources and warnings of each curve, as the learning-rate curves are split."""
    results = store.snapshot().results("eval_loss")
    found = split_curves(read_configurations(results), range(len(results)), None)
    return [({str(results["source"].iloc[row]) for row in group.rows}, group.warnings) for group in found]


def test_an_agreed_value_counts_everywhere_and_is_stored_as_it_was(mixed: Store) -> None:
    before = mixed.snapshot().key
    assert agree(mixed, saying("model", REMOTE, LOCAL)).is_new
    snapshot = mixed.snapshot()
    assert snapshot.key != before
    assert set(snapshot.runs()["model"]) == {LOCAL}
    assert len(snapshot.results("eval_loss", parse_conditions([f"model={LOCAL}"]))) == 5
    assert snapshot.runs(parse_conditions([f"model={REMOTE}"])).empty
    assert len(snapshot.latest(parse_conditions([f"model={LOCAL}"]))) == 5
    assert snapshot.run_rows(["wandb-100"])["wandb-100"]["model"] == REMOTE
    agreed_on = snapshot.results("eval_loss").set_index("run_id")["agreed_on"]
    assert agreed_on["wandb-100"] == "model"
    assert pd.isna(agreed_on["ucurve-100"])


def test_sources_share_a_curve_only_by_agreement_and_the_curve_says_so(mixed: Store) -> None:
    assert [sources for sources, _ in curves(mixed)] == [{"ucurve"}, {"wandb"}]
    made = agree(mixed, saying("model", REMOTE, LOCAL)).agreement
    ((sources, warnings),) = curves(mixed)
    assert sources == {"ucurve", "wandb"}
    assert any("Runs of ucurve and wandb share this curve because it was agreed" in text for text in warnings)
    take_back(mixed, made.agreement_id)
    assert [sources for sources, _ in curves(mixed)] == [{"ucurve"}, {"wandb"}]


@pytest.mark.parametrize("column", ["tokenizer_id", "eval_set_id", "max_steps"])
def test_what_one_source_does_not_state_is_never_taken_for_the_same(store: Store, column: str) -> None:
    fill(store, "ucurve", model=LOCAL)
    fill(store, "wandb", RATES, **{"model": LOCAL, column: None})
    assert [sources for sources, _ in sorted(curves(store), key=str)] == [{"ucurve"}, {"wandb"}]
    agree(store, saying(column, None, str(BASE[column]), source="wandb"))
    assert [sources for sources, _ in curves(store)] == [{"ucurve", "wandb"}]


def test_runs_of_several_sources_that_all_leave_it_open_are_said_to(store: Store) -> None:
    fill(store, "trainer", model=LOCAL, tokenizer_id=None)
    fill(store, "wandb", model=LOCAL, tokenizer_id=None)
    ((_, warnings),) = curves(store)
    assert "Runs of trainer and wandb share this curve, and none states its tokenizer_id." in warnings


def test_steps_stay_a_budget_of_runs_without_a_token_budget(store: Store) -> None:
    fill(store, "ucurve", model=LOCAL, token_budget=1000)
    fill(store, "wandb", (1e-4, 2e-4), model=LOCAL)
    fill(store, "trainer", (1e-4, 2e-4), model=LOCAL, max_steps=90)
    assert sorted(sources for found, _ in curves(store) for sources in found) == ["trainer", "ucurve", "wandb"]
    assert len(curves(store)) == 3


def test_numbers_and_one_source_only(store: Store) -> None:
    fill(store, "ucurve", model=LOCAL, token_budget=1000, epochs=1.5)
    fill(store, "wandb", model=LOCAL, token_budget=1000, epochs=1.5)
    agree(store, saying("token_budget", "1000", "1024", source="wandb"))
    agree(store, saying("epochs", "1.50", "2"))
    runs = store.snapshot().runs()
    plain = store.snapshot().runs().dtypes
    assert set(zip(runs["source"], runs["token_budget"], runs["epochs"], strict=True)) == {
        ("ucurve", 1000, 2.0),
        ("wandb", 1024, 2.0),
    }
    assert plain["token_budget"] == pd.Int64Dtype()


def test_agreements_chain_and_those_about_a_source_go_first(mixed: Store) -> None:
    agree(mixed, saying("model", REMOTE, "b"))
    agree(mixed, saying("model", "b", "c"))
    agree(mixed, saying("model", LOCAL, "d"))
    agree(mixed, saying("model", LOCAL, "e", source="ucurve"))
    runs = mixed.snapshot().runs()
    assert set(zip(runs["source"], runs["model"], strict=True)) == {("ucurve", "e"), ("wandb", "c")}


@pytest.mark.parametrize(
    ("agreement", "said"),
    [
        (saying("lora_rank", "8", "16"), "values of 'lora_rank' cannot be agreed on; .* model, tokenizer_id"),
        (saying("model", LOCAL, LOCAL), "counts as itself already"),
        (saying("model", LOCAL, "x"), "model 'x' counts as 'Qwen/Qwen3-8B' already"),
        (saying("model", " ", "x"), "empty name"),
        (saying("epochs", "many", "2"), "epochs is a number, got 'many'"),
        (saying("max_steps", "1.5", "2"), "max_steps is a whole number, got '1.5'"),
        (saying("token_budget", "9" * 30, "2"), "token_budget is a whole number, got '9999"),
        (saying(METRIC, "eval_loss", "val/loss"), "metric 'val/loss' counts as 'eval_loss' already"),
        (saying(METRIC, None, "eval_loss"), "name cannot be missing"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(mixed: Store, agreement: Agreement, said: str) -> None:
    agree(mixed, saying("model", "x", "y"))
    agree(mixed, saying("model", "y", LOCAL))
    before = mixed.snapshot().key
    with pytest.raises(ConfigError, match=said):
        agree(mixed, agreement)
    assert mixed.snapshot().key == before


def test_what_no_run_has_is_said(mixed: Store) -> None:
    assert agree(mixed, saying("model", "qwen", LOCAL)).remarks == (
        f"No run has the model 'qwen' so far; there are: {LOCAL}, {REMOTE}.",
    )
    assert "no" not in agree(mixed, saying("model", REMOTE, LOCAL)).remarks
    assert agree(mixed, saying("model", None, LOCAL)).remarks == (
        "Every run states its model, so that nothing changes so far.",
    )
    assert agree(mixed, saying(METRIC, "my", "eval_loss")).remarks == (
        "No run has the metric 'my' so far; there are: eval_loss.",
    )
    assert agree(mixed, saying("model", "a", "b", "mlflow")).remarks == (
        "No run is of the source 'mlflow' so far; there are: ucurve, wandb.",
    )


def test_the_same_again_writes_nothing_and_rules_are_agreements_too(mixed: Store) -> None:
    assert agree(mixed, saying("model", REMOTE, LOCAL)).is_new
    before = mixed.snapshot().key
    assert not agree(mixed, saying("model", REMOTE, LOCAL)).is_new
    assert not agree(mixed, saying(METRIC, "eval/loss", "eval_loss")).is_new
    assert mixed.snapshot().key == before


def test_a_rule_can_be_taken_back_and_brought_back(store: Store) -> None:
    store.append(
        runs=[{"run_id": "r", "status": "finished", "source": "wandb"}],
        metrics=[MetricRow("r", 1, 0, 1, 0.0, name, value) for name, value in (("loss", 1.0), ("train_loss", 2.0))],
    )
    rule = next(each for each in RULES if (each.value, each.source) == ("loss", "wandb"))

    def train_loss() -> float:
        return float(store.snapshot().results("train_loss")["value"].iloc[0])

    assert train_loss() == 1.0
    assert not take_back(store, rule.agreement_id).agreement.active
    assert train_loss() == 2.0
    assert store.snapshot().metric_names() == ["loss", "train_loss"]
    assert not take_back(store, rule.agreement_id).is_new
    assert agree(store, saying(METRIC, "loss", "train_loss", "wandb")).is_new
    assert train_loss() == 1.0
    with pytest.raises(ConfigError, match="no agreement 'nothing'"):
        take_back(store, "nothing")


def test_an_agreed_metric_is_found_and_reported(store: Store) -> None:
    fill(store, "ucurve", model=LOCAL)
    store.append(
        runs=[
            {**BASE, "run_id": "t-1", "source": "table", "status": "finished", "learning_rate": 8e-4, "model": LOCAL}
        ],
        metrics=[MetricRow("t-1", 1, 0, 1, 0.0, "held-out nats", 2.5)],
    )
    agree(store, saying(METRIC, "held-out nats", "val/loss"))
    results = store.snapshot().results("eval_loss").set_index("run_id")
    assert (results.loc["t-1", "value"], results.loc["t-1", "logged_as"]) == (2.5, "held-out nats")
    assert results.loc["t-1", "agreed_on"] == "metric"
    assert store.snapshot().metric_names() == ["eval_loss"]
    assert any("the same metric" in text for _, warnings in curves(store) for text in warnings)


def test_two_writers_at_once_lose_nothing_and_a_circle_between_them_changes_nothing(mixed: Store) -> None:
    """Both looked before either wrote: as rows, since each alone is fine."""
    other = Store.open(mixed.location)
    other.snapshot()
    mixed.append(agreements=[saying("model", REMOTE, LOCAL).to_row()])
    other.append(agreements=[saying("model", LOCAL, REMOTE).to_row()])
    other.append(agreements=[saying("dataset", "d", "data").to_row()])
    snapshot = Store.open(mixed.location).snapshot()
    assert len([each for each in snapshot.agreements.all if not each.is_rule]) == 3
    assert set(snapshot.runs()["model"]) == {LOCAL, REMOTE}
    assert set(snapshot.runs()["dataset"]) == {"data"}


def test_the_later_of_two_words_on_one_value_counts(mixed: Store) -> None:
    agree(mixed, saying("model", REMOTE, "a"))
    agree(Store.open(mixed.location), saying("model", REMOTE, "b"))
    assert set(mixed.snapshot().runs()["model"]) == {"b", LOCAL}
    assert mixed.info().n_agreements == 1


def test_rows_that_another_program_wrote_wrongly_match_nothing(mixed: Store) -> None:
    mixed.append(agreements=[saying("max_steps", "9", "nine").to_row(), saying("host", "a", "b").to_row()])
    assert set(mixed.snapshot().runs()["max_steps"]) == {9}


def test_an_agreement_is_plain_text_in_the_table(mixed: Store) -> None:
    agree(mixed, Agreement(what="model", value=REMOTE, counts_as=LOCAL, because="same weights'; --"))
    (row,) = mixed.snapshot().query("SELECT * FROM {agreements}").to_pylist()
    assert json.loads(json.dumps(row, default=str))["because"] == "same weights'; --"
    assert (Path(mixed.location) / "agreements").is_dir()


def test_runs_that_state_neither_model_nor_data_share_a_curve_only_within_a_project() -> None:
    results = pd.DataFrame(
        {
            "run_id": ["a", "b", "c", "d"],
            "status": "finished",
            "learning_rate": [1e-4, 2e-4, 1e-4, 2e-4],
            "value": [2.0, 1.9, 0.1, 0.2],
            "project": ["translation", "translation", "mnist", "mnist"],
        }
    )
    both = compute_lr_curves(results, metric="eval_loss", direction="min")
    assert [curve.group["project"] for curve in both] == ["mnist", "translation"]
    stated = results.assign(model="m", dataset="d")
    assert len(compute_lr_curves(stated, metric="eval_loss", direction="min")) == 1
