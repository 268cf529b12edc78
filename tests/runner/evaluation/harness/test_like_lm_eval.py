"""Scores of the pack are those that the harness finds with its own model of the same folders, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from lm_eval.loggers import EvaluationTracker

from analysis.importers.lm_eval.report import looks_like_report, read_report
from analysis.importers.lm_eval.scores import scores_of
from runner.evaluation.benchmark import Decoding
from runner.evaluation.catalogue import ModelTokenizer, plan_requests, score_answers
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.harness.scoring import TaskScores, score_tasks
from runner.evaluation.harness.settings import HarnessSettings
from runner.evaluation.harness.tasks import load_tasks
from runner.evaluation.requests import Generation, LikelihoodRequest, Likelihoods, Progress
from tests.runner.evaluation.harness.conftest import Reference
from tests.runner.evaluation.harness.tiny_tasks import CHOICE, DRAW, GROUP, TEXT, WRITE, choice_items

pytestmark = pytest.mark.filterwarnings("default")
SLOTS = ("one", "base", "two")


def scored(engine: PackedEngine, tasks: Path, name: str, **settings: Any) -> list[TaskScores]:  # noqa: ANN401
    asked = HarnessSettings(include_paths=(tasks,), **settings)
    return score_tasks(engine, engine.tokenizer, name, load_tasks([name], asked)[name], asked)


def by_metric(found: TaskScores) -> dict[str, float]:
    return {score.metric: score.score for score in found.scores}


@pytest.mark.parametrize("task", [CHOICE, TEXT, WRITE])
def test_every_score_and_error_is_the_harnesss_own(
    engine: PackedEngine, tasks: Path, reference: Reference, task: str
) -> None:
    found = scored(engine, tasks, task)

    for slot, ours in zip(SLOTS, found, strict=True):
        theirs = reference(slot, task)["results"][task]
        assert ours.scores
        for score in ours.scores:
            metric, _, kept = score.metric.partition(",")
            assert score.score == pytest.approx(theirs[f"{metric},{kept or 'none'}"], rel=1e-5)
            error = theirs[f"{metric}_stderr,{kept or 'none'}"]
            assert score.stderr == (None if error == "N/A" else pytest.approx(error, rel=1e-5))
    assert len({str(by_metric(one)) for one in found}) > 1, "the slots must differ, or any order of them would pass"


def test_every_item_is_answered_as_the_harnesss_own_model_answers_it(
    engine: PackedEngine, tasks: Path, reference: Reference
) -> None:
    for slot, ours in zip(SLOTS, scored(engine, tasks, CHOICE), strict=True):
        samples = reference(slot, CHOICE)["samples"][CHOICE]
        for metric in ("acc", "acc_norm"):
            assert [value for _, value in ours.items[CHOICE, metric]] == [row[metric] for row in samples]
    assert len({item_id for item_id, _ in ours.items[CHOICE, "acc"]}) == len(samples)


def test_prompts_and_texts_that_are_too_long_are_cut_alike(
    engine: PackedEngine, tasks: Path, reference: Reference
) -> None:
    """Twelve examples before each question take 400 tokens and more; the context has 200."""
    few = {"num_fewshot": 12, "limit": 6}

    theirs = reference("one", CHOICE, **few)
    ours = scored(engine, tasks, CHOICE, **few)[0]

    lengths = [len(engine.tokenizer.encode(row["arguments"][0][0])) for row in theirs["samples"][CHOICE]]
    assert min(lengths) > engine.context_length
    assert by_metric(ours)["acc"] == theirs["results"][CHOICE]["acc,none"]
    assert [value for _, value in ours.items[CHOICE, "acc_norm"]] == [
        row["acc_norm"] for row in theirs["samples"][CHOICE]
    ]


def test_the_chat_template_and_examples_are_put_around_alike(
    engine: PackedEngine, tasks: Path, reference: Reference
) -> None:
    theirs = reference("two", WRITE, apply_chat_template=True)
    ours = scored(engine, tasks, WRITE, chat_template=True)[2]

    assert theirs["samples"][WRITE][0]["arguments"][0][0].endswith("<|im_start|>assistant\n")
    assert by_metric(ours)["exact_match,whole"] == theirs["results"][WRITE]["exact_match,whole"]


@pytest.mark.parametrize(("task", "settings"), [(CHOICE, {"num_fewshot": 2, "limit": 5}), (WRITE, {}), (GROUP, {})])
def test_an_imported_result_of_the_same_task_has_the_same_names_and_digest(
    engine: PackedEngine,
    tasks: Path,
    reference: Reference,
    tmp_path: Path,
    task: str,
    settings: dict[str, Any],
) -> None:
    results = dict(reference("two", task, **settings))
    samples = results.pop("samples")
    EvaluationTracker(output_path=str(tmp_path)).save_results_aggregated(results=results, samples=samples)
    (written,) = (path for path in tmp_path.rglob("*.json") if looks_like_report(path.name))
    report = read_report(written)
    assert report is not None

    ours = scored(engine, tasks, task, **settings)[2]

    assert [asdict(score) for score in ours.scores] == [asdict(score) for score in scores_of(report, 0, [])]
    assert all(score.items_digest for score in ours.scores)


class CountingEngine:
    """Notes what it is asked, and breaks the numbers of one slot if told to."""

    def __init__(self, engine: PackedEngine, broken: str | None = None) -> None:
        self._engine, self._broken = engine, broken
        self.slots, self.context_length = engine.slots, engine.context_length
        self.n_calls = 0
        self.seeds: list[int] = []

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], progress: Progress | None = None) -> Likelihoods:
        self.n_calls += 1
        found = self._engine.log_likelihoods(requests, progress)
        if self._broken is not None:
            found.log_likelihood_KR[list(self.slots).index(self._broken), 3] = math.nan
        return found

    def generate(
        self, prompts: Sequence[tuple[int, ...]], decoding: Decoding, progress: Progress | None = None
    ) -> list[list[Generation]]:
        self.n_calls += 1
        self.seeds.append(decoding.seed)
        return self._engine.generate(prompts, decoding, progress)


@pytest.mark.parametrize("task", [CHOICE, TEXT, WRITE])
def test_all_slots_are_asked_at_once(engine: PackedEngine, tasks: Path, task: str) -> None:
    counting = CountingEngine(engine)
    asked = HarnessSettings(include_paths=(tasks,))

    score_tasks(counting, engine.tokenizer, task, load_tasks([task], asked)[task], asked)

    assert counting.n_calls == 1


def test_an_adapter_whose_numbers_break_has_no_score_and_the_others_keep_theirs(
    engine: PackedEngine, tasks: Path
) -> None:
    asked = HarnessSettings(include_paths=(tasks,))
    whole = score_tasks(engine, engine.tokenizer, GROUP, load_tasks([GROUP], asked)[GROUP], asked)

    found = score_tasks(
        CountingEngine(engine, "base"), engine.tokenizer, GROUP, load_tasks([GROUP], asked)[GROUP], asked
    )

    assert len(found[1].scores) == len(whole[1].scores)
    assert all(math.isnan(score.score) and score.stderr is None for score in found[1].scores)
    assert found[1].items == {}
    assert found[1].problems == dict.fromkeys((CHOICE, GROUP), "the adapter's numbers broke")
    assert [by_metric(found[0]), by_metric(found[2])] == [by_metric(whole[0]), by_metric(whole[2])]


def test_repeated_questions_are_drawn_anew_and_the_same_for_everybody(engine: PackedEngine, tasks: Path) -> None:
    counting = CountingEngine(engine)
    asked = HarnessSettings(include_paths=(tasks,))

    score_tasks(counting, engine.tokenizer, DRAW, load_tasks([DRAW], asked)[DRAW], asked)

    assert counting.seeds == [1234, 1235]


def test_our_own_scores_of_choices_are_the_harnesss(engine: PackedEngine, reference: Reference) -> None:
    items = [make_item(one["query"], choices=one["choices"], gold=one["gold"]) for one in choice_items()]
    plan = plan_requests(make_benchmark("same", "choice", items), ModelTokenizer(engine.tokenizer), 200)
    answers = engine.log_likelihoods(plan.requests)

    for number, slot in enumerate(SLOTS):
        ours = {score.metric: score for score in score_answers(plan, answers, number)}
        theirs = reference(slot, CHOICE)["results"][CHOICE]
        for metric, name in (("acc", "acc"), ("acc_per_byte", "acc_norm")):
            assert ours[metric].value == pytest.approx(theirs[f"{name},none"], abs=1e-4)
            assert ours[metric].stderr == pytest.approx(theirs[f"{name}_stderr,none"], abs=1e-4)
