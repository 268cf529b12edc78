"""Items of a task: what identifies them, and what each of them got."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from lm_eval.api.task import Task
from lm_eval.utils import handle_non_serializable, hash_string

from analysis.importers.source_run import SourceScore

ItemScores: TypeAlias = list[tuple[str, float]]
"""Id and value of each item, in the task's order."""


def task_digest(task: Task) -> str:
    """The digest of a task's items that the harness writes beside its results; its requests must be built.

    Source: lm-evaluation-harness 0.4.13, `EvaluationTracker.save_results_aggregated`.
    """
    hashes = ["".join(hashes) for _, hashes in _hashes(task)]
    return str(hash_string("".join(hashes) * len(task._filters)))


def item_ids(task: Task) -> list[str]:
    """Ids of a task's items; its requests must be built."""
    return [_item_id(doc_id, hashes) for doc_id, hashes in _hashes(task)]


def _hashes(task: Task) -> Iterator[tuple[int, list[str]]]:
    """Place of each item, and the hashes of its content, first prompt and target. Source: `evaluate`."""
    first: dict[int, Any] = {}
    for instance in task.instances:
        known = first.setdefault(instance.doc_id, instance)
        if instance.idx < known.idx:
            first[instance.doc_id] = instance
    for doc_id, instance in sorted(first.items()):
        doc = json.dumps(instance.doc, indent=2, default=handle_non_serializable, ensure_ascii=False)
        target = str(task.doc_to_target(instance.doc))
        yield doc_id, [str(hash_string(text)) for text in (doc, instance.arguments[0], target)]


def item_scores(
    samples: Mapping[str, Sequence[Mapping[str, Any]]], scores: Iterable[SourceScore]
) -> dict[tuple[str, str], ItemScores]:
    """Returns the items' values of each score that is a mean of numbers, by benchmark and metric."""
    found: dict[tuple[str, str], ItemScores] = {}
    for score in scores:
        metric, _, kept = score.metric.partition(",")
        rows = [row for row in samples.get(score.benchmark, ()) if row["filter"] == (kept or "none")]
        values = [(_sample_id(row), row.get(metric)) for row in rows if metric in row["metrics"]]
        numbers = [(item_id, float(value)) for item_id, value in values if isinstance(value, int | float)]
        if numbers and len(numbers) == len(values):
            found[score.benchmark, score.metric] = numbers
    return found


def _sample_id(row: Mapping[str, Any]) -> str:
    return _item_id(row["doc_id"], [row["doc_hash"], row["prompt_hash"], row["target_hash"]])


def _item_id(doc_id: int, hashes: Sequence[str]) -> str:
    """16 hex digits: the same for the same question at the same place in the task."""
    return hashlib.sha256(json.dumps([doc_id, *hashes]).encode()).hexdigest()[:16]
