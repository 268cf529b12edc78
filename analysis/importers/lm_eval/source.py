"""Finds result files, and gives each evaluated model's scores to the run that trained it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final

from analysis.importers.lm_eval.report import Report, looks_like_report, read_report
from analysis.importers.lm_eval.scores import attempts_of, is_group, numbered, scores_of
from analysis.importers.lm_eval.trained import TrainedModels, trained_here
from analysis.importers.logged_rows import step_of
from analysis.importers.output_kinds import read_training
from analysis.importers.places import change_digest
from analysis.importers.result import RowProblem
from analysis.importers.run_files import UnreadableFileError, folders_at
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.store.identity import canonical_json

_KIND: Final = "lm-eval"
_SETTINGS: Final = ("model", "model_dtype", "model_revision", "model_sha", "model_num_parameters", "gen_kwargs")
_ENVIRONMENT: Final = ("lm_eval_version", "transformers_version", "git_hash", "chat_template_sha", "system_instruction")
_UNKNOWN_TRAINING: Final = (
    "its training is not among the targets: name the output folder, too, and the scores go to that run"
)


class LmEvalSource:
    """Reads result files; see `analysis.importers.source.Source`."""

    kind: Final = _KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """One item for each model that was evaluated, with all its result files."""
        problems: list[str] = []
        models: dict[str, list[Report]] = {}
        for folder in folders_at(request.targets, problems):
            for path in (folder.path / name for name in folder.names if looks_like_report(name)):
                try:
                    report = read_report(path)
                except UnreadableFileError as problem:
                    if path.name != "results.json":  # which many tools write
                        yield Refusal(kind=_KIND, label=str(path), reason=str(problem))
                    continue
                if report is not None:
                    models.setdefault(canonical_json(report.identity), []).append(report)
        if models:
            trained = TrainedModels(request.targets)
            yield from (_item(reports, trained) for reports in models.values())
        yield from (Refusal(kind=_KIND, label=problem.split("'")[1], reason=problem) for problem in problems)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The scores of one model."""
        reports = []
        for name in json.loads(item.locator["files"]):
            try:
                report = read_report(Path(name))
            except UnreadableFileError as problem:
                yield Refusal(kind=_KIND, label=name, reason=str(problem))
                continue
            if report is not None:
                reports.append(report)
        if reports:
            reports.sort(key=lambda report: (report.date, report.path.name))
            yield _of_training(reports, item.locator, request) or _of_its_own(reports, item.label)
            progress(len(reports))


def _item(reports: Sequence[Report], trained: TrainedModels) -> Item:
    files = sorted(report.path for report in reports)
    found = trained.find(reports[0].model)
    place = {} if found is None else {"trained": str(found.folder), "checkpoint": found.checkpoint or ""}
    return Item(
        kind=_KIND,
        label=f"{files[0].parent}: {reports[0].model or reports[0].source}",
        digest=change_digest([*files, *([] if found is None else [found.folder])]),
        locator={"files": json.dumps([str(path) for path in files]), **place},
    )


def _of_training(reports: Sequence[Report], locator: Mapping[str, str], request: Request) -> SourceRun | None:
    """The run that trained the model, with its scores; None where there is none among the targets."""
    if "trained" not in locator:
        return None
    run = next(
        (run for run in read_training(Path(locator["trained"]), request.now) if isinstance(run, SourceRun)), None
    )
    step = None if run is None else _step(run, locator["checkpoint"])
    if run is None or step is None:
        return None
    problems: list[RowProblem] = []
    attempts = attempts_of(list(scores_of(report, step, problems)) for report in reports)
    last = max([1, *run.history["attempt"].to_pylist()])
    scores = [replace(score, attempt=last) for score in numbered(attempts[-1:])]
    notes = [f"{len(scores)} scores are of {len(reports)} result files of {_KIND}", *_group_note(reports)]
    if len(attempts) > 1:
        notes.append("tasks that were evaluated again count as they were evaluated last")
    return replace(run, scores=scores, problems=(*run.problems, *problems), notes=(*run.notes, *notes))


def _step(run: SourceRun, checkpoint: str) -> int | None:
    """Steps that the evaluated model was trained for: of its checkpoint, of the best one, or of the last."""
    if checkpoint:
        return int(checkpoint.rsplit("-", 1)[-1])
    if run.config.get("load_best_model_at_end") is True and (best := step_of(run.summary.get("best_global_step"))):
        return best
    return max(run.history["step"].to_pylist(), default=0)


def _of_its_own(reports: Sequence[Report], label: str) -> SourceRun:
    """A run for a model whose training is not known here."""
    newest = reports[-1]
    problems: list[RowProblem] = []
    own = trained_here(newest.model)
    step = (own and own.step) or 0
    attempts = attempts_of(list(scores_of(report, step, problems)) for report in reports)
    # A run that was trained here has attempts of its own: what was evaluated last belongs to the newest of them.
    scores = numbered(attempts[-1:] if own else attempts)
    n_rows = len(scores) + len(problems)
    return SourceRun(
        kind=_KIND,
        label=label,
        key=(canonical_json(newest.identity),),
        own_run_id=own and own.run_id,
        status="finished",
        verdict="partial" if problems else "complete",
        reason=f"{len(problems)} scores are no numbers" if problems else None,
        name=_name(newest),
        created_at=_moment(reports[0].date),
        config={_KIND: _config(newest)},
        columns={"model": newest.base_model} if newest.base_model else {},
        environment={name: value for name in _ENVIRONMENT if (value := newest.content.get(name)) is not None},
        summary={"result_files": len(reports)},
        scores=scores,
        scores_at_end=own is not None and own.step is None,
        rows_expected=n_rows,
        rows_got=len(scores),
        problems=problems,
        notes=[*_group_note(reports), *([] if own else [_UNKNOWN_TRAINING])],
    )


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _config(report: Report) -> dict[str, object]:
    """What the model is; how it was evaluated belongs to each score."""
    stated = {name: report.config[name] for name in _SETTINGS if report.config.get(name) not in (None, "", {})}
    return {**stated, "model_args": dict(report.model_args)}


def _name(report: Report) -> str:
    """The model's name; of a path the last part."""
    model = report.model or report.source
    return PurePath(model).name if PurePath(model).is_absolute() or model.startswith(".") else model


def _group_note(reports: Iterable[Report]) -> list[str]:
    groups = sorted({task for report in reports for task in report.section("results") if is_group(report, task)})
    shown = ", ".join(groups[:5]) + (", ..." if len(groups) > 5 else "")
    return [f"means over other scores here, marked '(group)': {shown}"] if groups else []
