"""The verbs importance, pareto and search-progress, as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import FilterError
from analysis.pareto.objectives import known_objectives, read_objectives
from analysis.store import EvalRow, MetricRow, Store
from tests.runner.cli.calling import Caller

START = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture
def filled(store: Store) -> Store:
    """Learning rates by batch sizes, two seeds; memory grows with the batch, and two benchmarks were run."""
    runs, metrics, evals = [], [], []
    settings = [(rate, size, seed) for rate in (1e-5, 1e-4, 1e-3) for size in (4, 8) for seed in (0, 1)]
    for index, (rate, size, seed) in enumerate(settings):
        run_id = f"r{index:02d}"
        loss = {1e-5: 3.0, 1e-4: 2.0, 1e-3: 2.5}[rate] - size / 20 + seed / 100
        config = {"learning_rate": rate, "batch_size": size}
        runs.append(
            {
                "run_id": run_id, "trial_key": f"t{rate}-{size}", "seed": seed, "status": "finished", "model": "m",
                **config, "config_json": json.dumps(config), "wall_s": 10.0 * size, "tokens_seen": 1000,
                "peak_memory_bytes": size * 2**30, "created_at": START + timedelta(minutes=index), "sweep_id": "s",
            }
        )  # fmt: skip
        metrics.append(MetricRow(run_id, 1, 9, 1000, 1.0, "eval_loss", loss))
        evals += [
            EvalRow(run_id, 1, step, "arc", "acc", 1 - loss / 10 - (9 - step), higher_is_better=True) for step in (1, 9)
        ]
        evals += [EvalRow(run_id, 1, 9, "wiki", name, loss, higher_is_better=False) for name in ("ppl", "bits")]
    store.append(runs=runs, metrics=metrics, evals=evals)
    return store


def document(ucurve: Caller, *arguments: object) -> dict[str, Any]:
    answer = ucurve(*arguments, "--json")
    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    return answer.json


def keys_of(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in {"group", "config", "values", "reference"}:
                yield from keys_of(item)


@pytest.mark.parametrize("verb", ["importance", "pareto", "search-progress"])
def test_every_json_key_is_documented(ucurve: Caller, filled: Store, verb: str) -> None:
    section = DOCUMENTATION.split(f"## `ucurve {verb}`\n")[1].split("\n## ")[0]
    missing = {key for key in keys_of(document(ucurve, verb, "--store", filled.location)) if f"`{key}`" not in section}
    assert not missing


@pytest.mark.parametrize("verb", ["importance", "pareto", "search-progress"])
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_an_empty_store_is_fine(ucurve: Caller, store: Store, verb: str, json_option: list[str]) -> None:
    metric = ["--objective", "wall_s", "--objective", "tokens_seen"] if verb == "pareto" else []
    assert ucurve(verb, "--store", store.location, *metric, *json_option).code == 0


def test_importance_as_json_and_in_words(ucurve: Caller, filled: Store) -> None:
    (group,) = document(ucurve, "importance", "--store", filled.location, "--scale", "value")["groups"]
    assert [item["key"] for item in group["importances"]] == ["learning_rate", "batch_size"]
    assert group["importances"][0]["main"] == pytest.approx(1 / 6 / (1 / 6 + 0.01))
    assert group["n_trials"] == 6
    text = ucurve("importance", "--store", filled.location).out
    assert "learning_rate explains most of the difference between trials" in text
    assert "separates the best" in text
    assert "Only batch_size varies" in ucurve("importance", "--store", filled.location, "--keys", "batch_size").out
    wrong = ucurve("importance", "--store", filled.location, "--keys", "nope")
    assert (wrong.code, "no configuration key 'nope'" in wrong.err) == (2, True)


def test_pareto_as_json_and_in_words(ucurve: Caller, filled: Store) -> None:
    ask = ("pareto", "--store", filled.location, "--objective", "eval_loss", "--objective", "peak_memory_bytes")
    found = document(ucurve, *ask, "--limit", "peak_memory_bytes=5GiB")
    assert [point["values"]["peak_memory_bytes"] / 2**30 for point in found["front"]] == [8, 4]
    assert (found["n_dominated"], found["n_left_out"]) == (4, 0)
    pick = found["picks"][0]
    assert pick["trial_key"] == "t0.0001-4"
    text = ucurve(*ask).out
    assert "2 on the front, 4 dominated" in text
    assert "best peak_memory_bytes: learning_rate 1e-4, batch_size 4" in text
    for wrong, words in [
        (["--limit", "x=1"], "no objective 'x' to limit"),
        (["--reference", "eval_loss"], "cannot read 'eval_loss'"),
        (["--objective", "nope"], "There is no objective 'nope'"),
    ]:
        answer = ucurve(*ask, *wrong)
        assert answer.code == 2
        assert words in answer.err


def test_search_progress_as_json_and_in_words(ucurve: Caller, filled: Store) -> None:
    found = document(ucurve, "search-progress", "--store", filled.location, "--cost", "evaluations")
    (search,) = found["search"]
    assert [(step["cost"], round(step["regret"], 6)) for step in search["steps"]] == [
        (1, 1.2), (3, 1.0), (5, 0.2), (7, 0.0),
    ]  # fmt: skip
    text = ucurve("search-progress", "--store", filled.location).out
    assert "tokens_seen" in text
    assert ucurve("search-progress", "--store", filled.location, "--by", "nope").code == 2


def test_objectives_can_be_benchmarks_with_the_direction_that_the_harness_said(filled: Store) -> None:
    snapshot = filled.snapshot()
    table, objectives = read_objectives(snapshot, ["benchmark:arc", "benchmark:wiki/ppl"])

    assert [(item.name, item.direction) for item in objectives] == [
        ("benchmark:arc", "max"),
        ("benchmark:wiki/ppl", "min"),
    ]
    # The newest of the two scores counts.
    assert table["benchmark:arc"].tolist() == pytest.approx((1 - table["benchmark:wiki/ppl"] / 10).tolist())
    assert {"benchmark:arc", "benchmark:wiki/bits", "eval_loss", "wall_s"} <= set(known_objectives(snapshot))
    with pytest.raises(FilterError, match="write benchmark:wiki/bits or benchmark:wiki/ppl"):
        read_objectives(snapshot, ["eval_loss", "benchmark:wiki"])
    with pytest.raises(FilterError, match="No run in view has a score of 'benchmark:mmlu'"):
        read_objectives(snapshot, ["eval_loss", "benchmark:mmlu"])
    with pytest.raises(FilterError, match="two or more different"):
        read_objectives(snapshot, ["eval_loss", "eval_loss:max"])


@pytest.mark.parametrize("verb", ["importance", "pareto"])
def test_a_negative_seed_is_bad_input(ucurve: Caller, filled: Store, verb: str) -> None:
    answer = ucurve(verb, "--store", filled.location, "--seed", -1)
    assert answer.code == 2
    assert "--seed" in answer.err
