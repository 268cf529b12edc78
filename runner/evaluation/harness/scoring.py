"""Asks tasks of every slot of an engine, and gives the scores the names that imported result files get."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lm_eval.evaluator import evaluate
from lm_eval.utils import hash_string
from transformers import PreTrainedTokenizerBase

from analysis.importers.lm_eval.report import Report
from analysis.importers.lm_eval.scores import scores_of
from analysis.importers.result import RowProblem
from analysis.importers.source_run import SourceScore
from runner.errors import ConfigError
from runner.evaluation.harness.asking import Asking
from runner.evaluation.harness.encoding import Encoding
from runner.evaluation.harness.items import ItemScores, item_scores, task_digest
from runner.evaluation.harness.packed_model import PackedModel
from runner.evaluation.harness.quiet import offline, quietly
from runner.evaluation.harness.refusals import first_line
from runner.evaluation.harness.settings import HarnessSettings, Seeds, harness_version
from runner.evaluation.harness.tasks import TaskSet
from runner.evaluation.requests import Engine, Progress

BOOTSTRAPS: Final = 1000
"""Draws behind the standard errors of metrics that are no means: 2 % off at most mostly; the harness's 100,000 take
hours for many adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """What one slot got on one task, or on the tasks of one group.

    Attributes:
        scores: Named as an import of the harness's result files names them; those of groups are marked.
        items: Values of each item by benchmark and metric, where the metric is a mean of such.
        problems: Why scores are missing, one sentence each.
    """

    scores: Sequence[SourceScore]
    items: Mapping[tuple[str, str], ItemScores]
    problems: Sequence[str] = ()


def score_tasks(
    engine: Engine,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    tasks: TaskSet,
    settings: HarnessSettings,
    progress: Progress | None = None,
) -> list[TaskScores]:
    """Returns what each slot of the engine gets on what a name stands for, in the order of the slots.

    The engine is asked once for all slots; the harness then scores one slot after the other.

    Raises:
        ConfigError: the tasks ask for something that the engine cannot do, or fail on their own.
        UcurveError: the engine fails.
    """
    model = PackedModel(Asking(engine, Encoding(tokenizer), settings.seeds.torch, progress))
    template = model.chat_template(settings.chat_template) if settings.chat_template else None
    if settings.chat_template and not template:
        raise ConfigError("the model has no chat template; leave out --chat-template")
    found = []
    with quietly(), offline(download=settings.download):
        for slot in range(len(engine.slots)):
            model.slot = slot
            results = _evaluate(model, name, tasks, settings)
            results |= {
                "config": {},
                "lm_eval_version": harness_version(),
                "chat_template_sha": hash_string(template) if template else None,
                "task_hashes": {one: task_digest(task) for one, task in tasks["tasks"].items()},
            }
            found.append(_named(name, results, model.broken[slot]))
    return found


def _evaluate(model: PackedModel, name: str, tasks: TaskSet, settings: HarnessSettings) -> dict[str, Any]:
    _seed(settings.seeds)
    for task in tasks["tasks"].values():
        task.set_fewshot_seed(seed=settings.seeds.fewshot)
    try:
        results = evaluate(
            lm=model,
            task_dict=tasks,
            limit=settings.limit,
            bootstrap_iters=BOOTSTRAPS,
            apply_chat_template=settings.chat_template,
            fewshot_as_multiturn=True,
            confirm_run_unsafe_code=settings.allow_code,
        )
    except (AttributeError, ImportError, IndexError, KeyError, TypeError) as error:
        raise ConfigError(f"task {name!r} fails by itself: {type(error).__name__}: {first_line(error)}") from error
    return dict(results)


def _seed(seeds: Seeds) -> None:
    """Sets the generators that tasks may draw from. Source: lm-evaluation-harness 0.4.13, `simple_evaluate`."""
    random.seed(seeds.random)
    np.random.seed(seeds.numpy)  # noqa: NPY002 - the one that tasks use
    torch.manual_seed(seeds.torch)


def _named(name: str, results: Mapping[str, Any], broken: set[str]) -> TaskScores:
    report = Report(Path(name), results, {}, 0.0)
    rejected: list[RowProblem] = []
    hit = {one for one in results["results"] if _tasks_below(one, results) & broken}
    scores = [score for score in scores_of(report, 0, rejected) if score.benchmark.removesuffix(" (group)") not in hit]
    problems = [f"{one}: the adapter's numbers broke, so it has no score" for one in sorted(hit)]
    problems += [f"{problem.column}: {problem.reason} ({problem.value})" for problem in rejected]
    samples = {one: rows for one, rows in results["samples"].items() if one not in hit}
    return TaskScores(scores=scores, items=item_scores(samples, scores), problems=problems)


def _tasks_below(name: str, results: Mapping[str, Any]) -> set[str]:
    members = results["group_subtasks"].get(name, [])
    return {name}.union(*(_tasks_below(member, results) for member in members))
