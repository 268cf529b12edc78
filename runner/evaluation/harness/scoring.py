"""Asks tasks of every slot of an engine, and gives the scores the names that imported result files get."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lm_eval.evaluator import evaluate
from lm_eval.utils import hash_string
from transformers import PreTrainedTokenizerBase

from analysis.errors import UcurveError
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
from runner.evaluation.harness.settings import HarnessSettings, harness_version
from runner.evaluation.harness.tasks import TaskSet, seed_tasks
from runner.evaluation.requests import Engine, Progress

BOOTSTRAPS: Final = 1000
"""Draws behind the standard errors of metrics that are no means: 2 % off at most mostly; the harness's 100,000 take
hours for many adapters."""


GROUP_MARK: Final = " (group)"
"""Of benchmarks that are means over others, as the importer of result files names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """What one slot got on one task, or on the tasks of one group.

    Attributes:
        scores: Named as an import of the harness's result files names them; those of groups are marked.
        items: Values of each item by benchmark and metric, where the metric is a mean of such.
        problems: Why a task has scores that are no numbers, or lacks some.
    """

    scores: Sequence[SourceScore]
    items: Mapping[tuple[str, str], ItemScores]
    problems: Mapping[str, str]


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
    seed_tasks(tasks, settings.seeds)
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
    except UcurveError:
        raise
    except (ArithmeticError, AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"task {name!r} fails by itself: {type(error).__name__}: {first_line(error)}") from error
    return dict(results)


def _named(name: str, results: Mapping[str, Any], broken: set[str]) -> TaskScores:
    """The scores of a result file with this content; no numbers for tasks whose answers broke."""
    rejected: list[RowProblem] = []
    hit = {one for one in results["results"] if _tasks_below(one, results) & broken}
    scores = [
        replace(score, score=math.nan, stderr=None) if score.benchmark.removesuffix(GROUP_MARK) in hit else score
        for score in scores_of(Report(Path(name), results, {}, 0.0), 0, rejected)
    ]
    samples = {one: rows for one, rows in results["samples"].items() if one not in hit}
    return TaskScores(
        scores=scores,
        items=item_scores(samples, scores),
        problems={
            **{problem.column or name: problem.reason for problem in rejected},
            **dict.fromkeys(hit, "the adapter's numbers broke"),
        },
    )


def _tasks_below(name: str, results: Mapping[str, Any]) -> set[str]:
    members = results["group_subtasks"].get(name, [])
    return {name}.union(*(_tasks_below(member, results) for member in members))
