"""The scores of evaluations, and which of two counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from analysis.importers.lm_eval.report import Report
from analysis.importers.logged_rows import number_of, step_of
from analysis.importers.result import RowProblem
from analysis.importers.source_run import SourceScore
from analysis.store.identity import canonical_json

HARNESS: Final = "lm-eval"
_NO_METRICS: Final = frozenset({"alias", "name", "sample_len", "sample_count", "samples", " "})
_ERROR: Final = "_stderr"
_OF_CHOICE: Final = frozenset({"acc", "acc_norm"})
Place = tuple[str, str]


def scores_of(report: Report, step: int, problems: list[RowProblem]) -> Iterator[SourceScore]:
    """All scores in a report, also those of groups, which are marked.

    Args:
        report: The report.
        step: Optimizer steps that the model was trained for.
        problems: Gets what cannot be taken.
    """
    for task, values in report.section("results").items():
        if not isinstance(values, dict):
            problems.append(RowProblem(None, task, str(values)[:80], f"{report.path.name}: a task without scores"))
            continue
        for key, value in values.items():
            metric, _, filtered = key.partition(",")
            if key in _NO_METRICS or metric.endswith(_ERROR):
                continue
            score = number_of(value)
            if score is None:
                problems.append(RowProblem(None, f"{task} {key}", str(value)[:80], f"{report.path.name}: no number"))
                continue
            yield _score(report, task, metric, filtered, score, step)


def _score(report: Report, task: str, metric: str, filtered: str, score: float, step: int) -> SourceScore:
    values = report.of_task("results", task)
    higher = report.of_task("higher_is_better", task).get(metric)
    return SourceScore(
        benchmark=f"{task} (group)" if is_group(report, task) else task,
        metric=metric if filtered in ("", "none") else f"{metric},{filtered}",
        score=score,
        step=step,
        stderr=number_of(values.get(f"{metric}{_ERROR},{filtered}" if filtered else f"{metric}{_ERROR}")),
        n_items=_n_items(report, task, f"{metric},{filtered}"),
        chance_level=_chance(report, task, metric),
        higher_is_better=higher if isinstance(higher, bool) else None,
        harness=HARNESS,
        harness_version=_version(report, task),
        items_digest=_digest(report, task),
    )


def is_group(report: Report, task: str) -> bool:
    """Whether a score is a mean over other tasks' scores. Some versions list every task as a group of none."""
    return bool(report.section("group_subtasks").get(task))


def _digest(report: Report, task: str) -> str | None:
    """The digest of a task's items; of a group that of its tasks with theirs, where all are known."""
    members = report.section("group_subtasks").get(task)
    if not isinstance(members, list) or not members:
        stated = report.section("task_hashes").get(task)
        return stated if isinstance(stated, str) and stated else None
    digests = {str(member): _digest(report, str(member)) for member in members if member != task}
    return None if None in digests.values() else hashlib.sha256(canonical_json(digests).encode()).hexdigest()


def _n_items(report: Report, task: str, key: str) -> int | None:
    values = report.of_task("results", task)
    counts = values.get("sample_count")
    counted = [
        report.of_task("n-samples", task).get("effective"),
        counts.get(key) if isinstance(counts, dict) else None,
        values.get("sample_len"),
    ]
    return next((count for value in counted if (count := step_of(value))), None)


def _chance(report: Report, task: str, metric: str) -> float | None:
    """Of questions that all have the same stated choices; where each has its own, their number is not in the file."""
    config = report.of_task("configs", task)
    choices = config.get("doc_to_choice")
    if config.get("output_type") != "multiple_choice" or metric not in _OF_CHOICE:
        return None
    return 1 / len(choices) if isinstance(choices, list) and choices else None


def _version(report: Report, task: str) -> str | None:
    """How it was measured, in words: scores of other versions, shots or chat templates are of another benchmark."""
    shots, version = report.section("n-shot").get(task), report.section("versions").get(task)
    parts = [
        report.content.get("lm_eval_version"),
        None if version in (None, "N/A", "Yaml") else f"task {version}",
        None if step_of(shots) is None else f"{shots}-shot",
        *(
            f"{name.replace('_', ' ')} {digest[:8]}"
            for name in ("chat_template", "system_instruction")
            if isinstance(digest := report.content.get(f"{name}_sha"), str)
        ),
    ]
    return ", ".join(str(part) for part in parts if part) or None


def attempts_of(reports: Iterable[Sequence[SourceScore]]) -> list[dict[Place, SourceScore]]:
    """The scores after each report that replaced one, oldest first.

    Of two scores of one task that on more questions counts, of equally many the newer one. A report that only adds
    scores belongs to the evaluation before; one that replaces some begins the next, which has all the others, too.
    """
    attempts: list[dict[Place, SourceScore]] = [{}]
    for scores in reports:
        known = attempts[-1]
        found = {(score.benchmark, score.metric): score for score in scores}
        taken = {place: score for place, score in found.items() if place not in known or _replaces(score, known[place])}
        if any(place in known for place in taken):
            attempts.append(dict(known))
        attempts[-1].update(taken)
    return attempts


def _replaces(score: SourceScore, known: SourceScore) -> bool:
    """Whether a newer score counts instead; an equal one does not, so that a later import finds what is stored."""
    return repr(score.score) != repr(known.score) and (score.n_items or 0) >= (known.n_items or 0)


def numbered(attempts: Sequence[Mapping[Place, SourceScore]]) -> list[SourceScore]:
    """The scores of all attempts, by attempt."""
    return [
        replace(score, attempt=number)
        for number, scores in enumerate(attempts, start=1)
        for _, score in sorted(scores.items())
    ]
