"""Tasks as benchmarks: name, items and digest before anything is asked, so that what is stored is not asked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lm_eval.api.task import Task
from transformers import PreTrainedTokenizerBase

from analysis.store.schema import Direction
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark, Form, Item
from runner.evaluation.harness.encoding import Encoding
from runner.evaluation.harness.items import item_ids, task_digest
from runner.evaluation.harness.quiet import quietly
from runner.evaluation.harness.settings import HarnessSettings
from runner.evaluation.harness.tasks import TaskSet, seed_tasks

_FORMS: Final[Mapping[str, Form]] = {"loglikelihood_rolling": "text", "generate_until": "generation"}


def describe_tasks(
    tasks: TaskSet, tokenizer: PreTrainedTokenizerBase, settings: HarnessSettings
) -> dict[str, Benchmark]:
    """Returns the tasks behind a name as benchmarks whose items are only named.

    Raises:
        ConfigError: a task's prompts cannot be made, or the model has no chat template.
    """
    if settings.chat_template and not tokenizer.chat_template:
        raise ConfigError("the model has no chat template; leave out --chat-template")
    found = {}
    with quietly():
        seed_tasks(tasks, settings.seeds)
        for name, task in tasks["tasks"].items():
            try:
                _build(task, Encoding(tokenizer), settings)
                found[name] = _describe(name, task)
            except Exception as error:  # templates of a task file can raise anything
                raise ConfigError(f"task {name!r}: its prompts cannot be made: {error}; see its task file") from error
    return found


def _build(task: Task, encoding: Encoding, settings: HarnessSettings) -> None:
    """Builds the requests as `evaluate` of the harness does."""
    chat = {"chat_template": encoding.chat, "tokenizer_name": str(encoding.tokenizer.name_or_path)}
    task.build_all_requests(
        limit=settings.limit,
        apply_chat_template=settings.chat_template,
        fewshot_as_multiturn=True,
        **(chat if settings.chat_template else {}),
    )


def _describe(name: str, task: Task) -> Benchmark:
    return Benchmark(
        name=name,
        form=_FORMS.get(str(task.OUTPUT_TYPE), "choice"),
        items=tuple(Item(item_id=item_id, prompt="") for item_id in item_ids(task)),
        metrics=_metrics(task),
        chance_level=None,
        digest=task_digest(task),
        source=_source(task.dump_config()),
    )


def _metrics(task: Task) -> dict[str, Direction]:
    """Names as in result files: with the filter of the answers where there is one."""
    directions: dict[str, Direction] = {
        metric: "max" if higher else "min" for metric, higher in task.higher_is_better().items()
    }
    filters = [str(one.name) for one in task._filters]
    return {
        metric if one == "none" else f"{metric},{one}": direction
        for one in filters
        for metric, direction in directions.items()
    }


def _source(config: Mapping[str, Any]) -> str:
    parts = (config.get("dataset_path"), config.get("dataset_name"))
    return "lm-evaluation-harness: " + " ".join(str(part) for part in parts if part)
