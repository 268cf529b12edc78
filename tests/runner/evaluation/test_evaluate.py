"""Evaluations with known answers: what the store holds after them, whatever happened meanwhile."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis.store import Store
from analysis.store.tables import Batch, Table
from runner.data.examples import Example, chat_example
from runner.errors import EnvironmentProblem
from runner.evaluation.evaluate import count_to_do, evaluate
from runner.evaluation.outcome import EvaluationOutcome
from runner.evaluation.selection import Selection
from runner.evaluation.settings import Settings, is_covered
from runner.evaluation.targets import Target, base_target
from runner.sweep_lock import evaluation_lock
from runner.sweep_progress import NoView
from tests.runner.evaluation.scoring import N_ITEMS, KnownLoader, contents, echoes, run_row, sums, target

RIGHT = {"a": 8, "b": 5, "c": 0}
BENCHMARKS = (sums(), sums("differences"), echoes())


def n_right(run_id: str) -> float:
    return RIGHT.get(run_id, 2)


def score(store: Store, *targets: Target, load: KnownLoader | None = None, **options: Any) -> EvaluationOutcome:  # noqa: ANN401
    return evaluate(
        store,
        Selection(list(targets or (target("a"), target("b"), target("c"))), [], []),
        options.pop("benchmarks", BENCHMARKS),
        options.pop("settings", Settings()),
        view=options.pop("view", NoView()),
        training_set=options.pop("training_set", lambda _: None),
        load=load or KnownLoader(n_right),
        **options,
    )


@pytest.fixture
def filled(store: Store) -> Store:
    """Three runs that can be scored."""
    store.append(runs=[run_row(run_id) for run_id in RIGHT])
    return store


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str], list[str]]:
    store = Store.open(tmp_path_factory.mktemp("undisturbed") / "store", create=True)
    store.append(runs=[run_row(run_id) for run_id in RIGHT])
    assert score(store).is_complete
    return contents(store)


def test_known_answers_give_exactly_the_known_scores(filled: Store) -> None:
    outcome = score(filled)
    assert outcome.is_complete
    assert (outcome.n_runs, outcome.n_scored, outcome.n_skipped) == (4, 12, 0)
    evals = filled.snapshot().evals()
    found = evals.set_index(["run_id", "benchmark", "metric"])["score"]
    base = base_target(target("a")).run_id
    for run_id, right in {**RIGHT, base: 2}.items():
        assert found[run_id, "sums", "acc"] == found[run_id, "differences", "acc_per_byte"] == right / N_ITEMS
        assert found[run_id, "echoes", "exact_match"] == min(right, 6) / 6
    half = evals[(evals["run_id"] == "b") & (evals["benchmark"] == "sums") & (evals["metric"] == "acc")].iloc[0]
    share = 5 / 8
    assert half["stderr"] == pytest.approx(math.sqrt(share * (1 - share) / 7))  # of a mean of zeros and ones, n - 1
    assert (half["n_items"], half["step"], half["attempt"], half["harness"]) == (8, 10, 1, "ucurve")
    assert half["chance_level"] == pytest.approx(1 / 3)
    assert bool(half["higher_is_better"])
    assert half["items_digest"] == BENCHMARKS[0].digest


def test_items_have_what_each_run_got_on_them(filled: Store) -> None:
    score(filled)
    items = filled.snapshot().eval_items(["b"], "sums").to_pylist()
    got = {row["item_id"]: row["score"] for row in items if row["metric"] == "acc"}
    assert got == {item.item_id: float(place < 5) for place, item in enumerate(BENCHMARKS[0].items)}
    assert filled.check() == []


def test_the_base_model_is_a_run_of_its_own(filled: Store) -> None:
    score(filled)
    runs = filled.snapshot().runs().set_index("run_id")
    base = base_target(target("a")).run_id
    assert base.startswith("base-")
    assert len(base) == len("base-") + 12
    row = dict[Any, Any](runs.loc[base].to_dict())
    assert (row["name"], row["adapter"], row["status"], row["source"]) == ("base model", "none", "finished", "local")
    assert (row["model"], row["tokenizer_id"]) == ("m", "t")
    assert math.isnan(row["learning_rate"])
    assert json.loads(row["config_json"])["model_hidden_size"] == 8
    assert len(runs) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"},
        {"tokenizer_id": "other"},
        {"config_json": '{"model_digest": "x"}'},
        {"config_json": '{"model_revision": "x"}'},
    ],
)
def test_another_model_or_tokenizer_is_another_base_run(changes: dict[str, Any]) -> None:
    usual = target("a", config_json="{}").base.run_id
    assert target("b", config_json="{}", learning_rate=1.0).base.run_id == usual
    assert target("a", **{"config_json": "{}", **changes}).base.run_id != usual


def test_runs_over_two_base_models_are_scored_in_two_packs(filled: Store) -> None:
    load = KnownLoader(n_right)
    outcome = score(filled, target("a"), target("b", model="n"), target("c"), load=load)
    assert [[slot.partition("@")[0][:4] for slot in pack] for pack in load.packs] == [["base", "a", "c"], ["base", "b"]]
    assert outcome.n_runs == 5


def test_a_run_says_how_it_was_scored(filled: Store) -> None:
    settings = Settings(decoding={"temperature": 0.5, "seed": 7}, precision="float32")
    score(filled, settings=settings)
    provenance = json.loads(str(filled.snapshot().run_rows(["a"])["a"]["provenance_json"]))
    assert provenance["precision"] == "float32"  # of the training: as it was
    (record,) = provenance["evaluation"]["echoes"]
    assert record["settings"]["decoding"]["temperature"] == 0.5
    assert record["settings"]["decoding"]["seed"] == 7
    assert record["precision"] == "float32"
    (record,) = provenance["evaluation"]["sums"]
    assert record["settings"]["normalisations"] == ["byte", "sum", "token"]
    counts = ("n_items", "n_excluded", "n_truncated", "n_refused", "n_nan", "problem")
    assert [record[name] for name in counts] == [8, 0, 0, 0, 0, ""]
    assert (record["step"], record["attempt"], record["items_digest"]) == (10, 1, BENCHMARKS[0].digest)


def test_a_second_call_loads_and_writes_nothing(filled: Store) -> None:
    score(filled)
    before, load = filled.snapshot().key, KnownLoader(n_right)
    outcome = score(filled, load=load)
    assert filled.snapshot().key == before
    assert load.packs == []
    assert (outcome.n_scored, outcome.n_skipped, outcome.is_complete) == (0, 12, True)
    assert len(outcome.scores) == 4 * (3 + 3 + 1)


def test_only_what_is_new_is_asked(filled: Store) -> None:
    score(filled, target("a"), benchmarks=BENCHMARKS[:1])
    load = KnownLoader(n_right)
    score(filled, target("a"), target("b"), benchmarks=BENCHMARKS[:1], load=load)
    assert load.packs == [["b@10"]]
    load = KnownLoader(n_right)
    score(filled, target("a"), benchmarks=BENCHMARKS[:2], load=load)
    assert [prompt.split()[0] for prompt in load.asked] == ["differences"]


@pytest.mark.parametrize(
    "settings",
    [Settings(too_long="refuse"), Settings(precision="float32"), Settings(normalisations=("sum", "unconditional"))],
)
def test_other_settings_take_the_place_of_a_score(filled: Store, settings: Settings) -> None:
    score(filled, benchmarks=BENCHMARKS[:1])
    outcome = score(filled, benchmarks=BENCHMARKS[:1], settings=settings, load=KnownLoader(lambda _: 1))
    assert outcome.n_scored == 4
    evals = filled.snapshot().evals()
    assert set(evals.loc[evals["metric"] == "acc", "score"]) == {1 / N_ITEMS}
    assert not evals.duplicated(["run_id", "benchmark", "metric"]).any()
    assert filled.check() == []


def test_fewer_normalisations_than_there_are_need_no_new_scores(filled: Store) -> None:
    score(filled, benchmarks=BENCHMARKS[:1])
    outcome = score(filled, benchmarks=BENCHMARKS[:1], settings=Settings(normalisations=("byte",)))
    assert outcome.n_scored == 0
    assert not is_covered({"temperature": 1}, {})


def test_again_replaces_scores_and_items(filled: Store) -> None:
    score(filled)
    outcome = score(filled, again=True, load=KnownLoader(lambda _: 1))
    assert (outcome.n_scored, outcome.n_skipped) == (12, 0)
    evals = filled.snapshot().evals()
    assert not evals.duplicated(["run_id", "benchmark", "metric"]).any()
    assert set(evals.loc[evals["metric"] == "acc", "score"]) == {1 / N_ITEMS}
    assert len(filled.snapshot().eval_items(["a"], "sums")) == 3 * N_ITEMS


def test_steps_and_attempts_and_other_items_stand_beside_each_other(filled: Store) -> None:
    score(filled, target("a", step=5), target("a"), benchmarks=BENCHMARKS[:1])
    score(filled, target("a"), benchmarks=(Settings(max_items=3).cut(BENCHMARKS[0]),))
    evals = filled.snapshot().evals()
    mine = evals[(evals["run_id"] == "a") & (evals["metric"] == "acc")]
    assert sorted(zip(mine["step"], mine["n_items"], strict=True)) == [(5, 8), (10, 3), (10, 8)]
    provenance = json.loads(str(filled.snapshot().run_rows(["a"])["a"]["provenance_json"]))
    assert len(provenance["evaluation"]["sums"]) == 3
    load = KnownLoader(n_right)
    score(filled, target("a", attempt=2), benchmarks=BENCHMARKS[:1], load=load)
    assert load.packs == [["a@10"]]


class Interrupted(Exception):
    pass


class StopsAt(NoView):
    """Breaks off when a benchmark begins."""

    def __init__(self, benchmark: str) -> None:
        self._benchmark = benchmark

    def scoring(self, progress: Any) -> None:  # noqa: ANN401
        if progress.benchmark == self._benchmark:
            raise Interrupted


@pytest.mark.parametrize("at", ["sums", "differences", "echoes"])
def test_what_an_interruption_leaves_is_done_by_the_next_call(
    filled: Store, at: str, undisturbed: tuple[list[str], list[str], list[str]]
) -> None:
    with pytest.raises(Interrupted):
        score(filled, view=StopsAt(at))
    done = [benchmark.name for benchmark in BENCHMARKS]
    assert set(filled.snapshot().evals()["benchmark"]) == set(done[: done.index(at)])
    outcome = score(filled)
    assert outcome.n_skipped == 4 * done.index(at)
    assert contents(filled) == undisturbed


class Killed(BaseException):
    """Ends the process as a kill would: nothing after it is done."""


@pytest.mark.parametrize("n_commits", [1, 2, 3, 4, 6])
def test_a_kill_between_any_two_commits_leaves_nothing_twice(
    filled: Store,
    n_commits: int,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: tuple[list[str], list[str], list[str]],
) -> None:
    left = n_commits
    append = Table.append

    def append_or_die(self: Table, rows: pa.Table, batch: Batch | None = None) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        append(self, rows, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "append", append_or_die)
        with pytest.raises(Killed):
            score(filled)
    again = Store.open(filled.location)
    assert score(again).is_complete
    assert contents(again) == undisturbed
    assert again.check() == []


@pytest.mark.parametrize("most", [1, 2, 3])
def test_packs_that_memory_can_hold_give_the_same_store(
    filled: Store, most: int, undisturbed: tuple[list[str], list[str], list[str]]
) -> None:
    load = KnownLoader(n_right, most=most)
    assert score(filled, load=load).is_complete
    assert max(map(len, load.packs)) <= most
    assert sum(map(len, load.packs)) == 4
    assert contents(filled) == undisturbed


def test_one_adapter_that_does_not_fit_is_said(filled: Store) -> None:
    with pytest.raises(EnvironmentProblem, match="1 do not fit"):
        score(filled, load=KnownLoader(n_right, most=0))


def test_a_stop_within_a_benchmark_keeps_what_is_done(filled: Store) -> None:
    calls = iter(range(100))
    outcome = score(filled, should_stop=lambda: next(calls) > 3)
    assert not outcome.is_complete
    assert 0 < outcome.n_scored < outcome.n_to_do == 12
    assert outcome.to_json()["n_missing"] == 12 - outcome.n_scored
    assert score(filled).is_complete


def test_broken_numbers_are_stored_counted_and_never_taken_for_wrong_answers(filled: Store) -> None:
    load = KnownLoader(lambda run_id: math.nan if run_id == "b" else 3)
    outcome = score(filled, benchmarks=BENCHMARKS[:1], load=load)
    assert not outcome.is_complete
    assert len(outcome.problems) == 1
    assert outcome.problems[0].startswith("b on sums: 8 of 8 items cannot be scored")
    scores = filled.snapshot().evals().set_index(["run_id", "metric"])["score"]
    assert math.isnan(scores["b", "acc"])
    assert scores["a", "acc"] == 3 / N_ITEMS
    provenance = json.loads(str(filled.snapshot().run_rows(["b"])["b"]["provenance_json"]))
    assert provenance["evaluation"]["sums"][0]["n_nan"] == 8
    assert score(filled, benchmarks=BENCHMARKS[:1]).n_scored == 0


def test_copies_in_the_training_set_are_counted_once_per_set(filled: Store) -> None:
    text = "how many words does this question about the training set have in all"
    benchmark = replace(sums(), items=(replace(sums().items[0], prompt=f"a 0 {text}"), *sums().items[1:]))
    asked: list[str] = []

    def training_set(one: Target) -> list[Example]:
        asked.append(one.run_id)
        return [chat_example(f"a 0 {text}", "right"), chat_example("another one", "no")]

    score(filled, target("a"), target("b"), benchmarks=(benchmark,), training_set=training_set)
    rows = filled.snapshot().run_rows(["a", "b", base_target(target("a")).run_id])
    found = {run_id: json.loads(str(row["provenance_json"])).get("contamination") for run_id, row in rows.items()}
    assert found["a"] == found["b"]
    assert found["a"]["sums"]["n_exact"] == 1
    assert found["a"]["sums"]["digest"] == benchmark.digest
    assert found[base_target(target("a")).run_id] is None
    assert asked == ["a"]


def test_what_is_to_do_is_counted_without_loading(filled: Store) -> None:
    selection = Selection([target("a"), target("b")], [], [])
    found = count_to_do(filled, selection, BENCHMARKS, Settings(), again=False)
    assert (found.n_runs, found.n_to_do, found.n_skipped) == (3, 9, 0)
    score(filled, target("a"))
    found = count_to_do(filled, selection, BENCHMARKS, Settings(), again=False)
    assert (found.n_to_do, found.n_skipped) == (3, 6)
    assert count_to_do(filled, selection, BENCHMARKS, Settings(), again=True).n_to_do == 9


@pytest.fixture
def busy(filled: Store) -> Iterator[threading.Event]:
    """Somebody else scores runs of the store, until the event is set."""
    go, ready = threading.Event(), threading.Event()

    def hold() -> None:
        with evaluation_lock(filled.location, lambda _: None, lambda: False):
            ready.set()
            go.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    ready.wait(60)
    yield go
    go.set()
    other.join()


def test_a_second_evaluation_of_a_store_waits_for_the_first(filled: Store, busy: threading.Event) -> None:
    said: list[str] = []

    class Listens(NoView):
        def say(self, text: str) -> None:
            said.append(text)
            busy.set()

    assert score(filled, view=Listens()).is_complete
    assert "is scoring runs of this store; waiting for it" in said[0]


@pytest.mark.usefixtures("busy")
def test_a_stop_ends_the_waiting(filled: Store) -> None:
    outcome = score(filled, should_stop=lambda: True)
    assert outcome.n_scored == 0
    assert not Path(filled.location, "eval_items").exists()
