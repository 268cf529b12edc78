"""Finds and reads runs that neptune-exporter has exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.end_of_run import end_of
from analysis.importers.neptune.attributes import Attributes
from analysis.importers.neptune.export_files import ExportedFiles, group_parts, is_export, is_part, read_batches
from analysis.importers.neptune.series import Series
from analysis.importers.places import change_digest, existing_path, files_below
from analysis.importers.result import Verdict
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun

KIND: Final = "neptune"


@dataclass(slots=True)
class _Run:
    """What was read of one run."""

    project: str
    run_id: str
    attributes: Attributes = field(default_factory=Attributes)
    series: Series = field(default_factory=Series)


class NeptuneSource:
    """The parts of one exported run, or of one project of an early version, are one item."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The exports at and below the targets.

        Raises:
            ConfigError: there is nothing at a target.
        """
        found: set[str] = set()
        for target in request.targets:
            paths = files_below(existing_path(target).resolve(), is_part)
            for files in group_parts(path for path in paths if path.suffix == ".tmp" or is_export(path)):
                if files.name in found:
                    continue
                found.add(files.name)
                yield _item(files)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:  # noqa: ARG002
        """The runs of one export, in the order in which they stand there."""
        parts = [Path(path) for path in json.loads(item.locator["parts"])]
        runs: dict[tuple[str, str], _Run] = {}
        lacks = [item.locator["reason"]] if item.locator["reason"] else []
        n_read = 0
        for path in parts:
            try:
                for batch in read_batches(path):
                    _take(batch, runs)
                    n_read += len(batch)
                    progress(n_read)
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                lacks.append(f"{path.name} is damaged ({str(error).splitlines()[0]}): export this run again")
        for run in runs.values():
            yield _to_source_run(run, "; ".join(lacks))
        if not runs:
            yield Refusal(kind=KIND, label=item.label, reason="; ".join(lacks) or "no run is in it")


SOURCE: Final = NeptuneSource()


def _item(files: ExportedFiles) -> Item | Refusal:
    if not files.parts:
        return Refusal(kind=KIND, label=files.name, reason=files.reason or "no part of it is there")
    locator = {"parts": json.dumps([str(path) for path in files.parts]), "reason": files.reason or ""}
    digest = change_digest(files.parts, more=files.reason or "")
    return Item(kind=KIND, label=files.name, digest=digest, locator=locator)


def _take(batch: pa.Table, runs: dict[tuple[str, str], _Run]) -> None:
    """Gives each run of a batch its rows."""
    for place in batch.select(["project_id", "run_id"]).group_by(["project_id", "run_id"]).aggregate([]).to_pylist():
        project, run_id = place["project_id"], place["run_id"]
        if project is None or run_id is None:
            continue
        of_run = pc.and_(pc.equal(batch["project_id"], project), pc.equal(batch["run_id"], run_id))
        rows = batch.filter(of_run)
        run = runs.setdefault((project, run_id), _Run(project, run_id))
        run.attributes.add(rows)
        run.series.add(rows)


def _to_source_run(run: _Run, lacks: str) -> SourceRun | Refusal:
    label = f"{run.project}/{run.run_id}"
    attributes, series = run.attributes, run.series
    created = attributes.moment("creation_time")
    history, objects, n_rows, factor = series.tables(created)
    config = attributes.config()
    status, why = _status(attributes, end_of(history, config))
    verdict: Verdict = "partial" if lacks or series.n_lost else "unverified" if status == "running" else "complete"
    results = attributes.results()
    name = attributes.sys("custom_run_id") or attributes.sys("name") or run.run_id
    group = attributes.sys("experiment/name")
    described = attributes.sys("description")
    return SourceRun(
        kind=KIND,
        label=label,
        key=(run.project, run.run_id),
        project=run.project.rsplit("/", 1)[-1],
        status=status,
        status_reason=why,
        name=str(name),
        group=None if group is None else str(group),
        tags=attributes.texts("tags", "group_tags"),
        notes_text=str(described) if described else None,
        created_at=created,
        config=config,
        summary=results,
        history=history,
        objects=objects,
        environment=_environment(run),
        verdict=verdict,
        reason=_reason(lacks, series.n_lost, verdict),
        rows_expected=n_rows + series.n_lost,
        rows_got=n_rows,
        problems=series.problems,
        notes=tuple(_notes(run, factor, n_rows)),
        no_trial_keys=tuple(path.replace("/", ".") for path in results),
    )


def _status(attributes: Attributes, end: str | None) -> tuple[str, str]:
    """The status: Neptune says whether a run failed and whether it is connected, not whether it got to its end."""
    if attributes.sys("failed") is True:
        return "failed", "Neptune says that it failed"
    if end is not None:
        return "finished", end
    state = str(attributes.sys("state") or "unknown").lower()
    if state in ("active", "running"):
        return "running", "Neptune says that it was active when it was exported"
    return "unconfirmed", "Neptune keeps no word on whether a run got to its end"


def _reason(lacks: str, n_lost: int, verdict: Verdict) -> str | None:
    reasons = [lacks] if lacks else []
    if n_lost:
        reasons.append(f"{n_lost} values stand at no step from 0")
    if verdict == "unverified":
        reasons.append("the run was active when it was exported: more rows may follow")
    return "; ".join(reasons) or None


def _environment(run: _Run) -> dict[str, object]:
    own = {path: value for path, value in run.attributes.values.items() if path.startswith("sys/")}
    found: dict[str, object] = {"tool": "neptune", "project": run.project, "run_id": run.run_id}
    found |= {path: value if isinstance(value, str | int | float | list) else str(value) for path, value in own.items()}
    return found | ({"files": run.attributes.files} if run.attributes.files else {})


def _notes(run: _Run, factor: int, n_rows: int) -> Iterator[str]:
    if not n_rows:
        yield "nothing was logged at any step"
    if factor > 1:
        yield f"steps have decimals, so every step is multiplied with {factor:,}"
    if run.series.n_system:
        yield f"{run.series.n_system:,} values of system metrics (monitoring/...) were not read"
    if run.series.n_empty:
        yield f"{run.series.n_empty:,} numbers are empty in the export; it writes NaN so"
    if run.attributes.files:
        yield f"{len(run.attributes.files):,} files were not copied; their paths are in the provenance"
    parent = run.attributes.sys("forking/parent")
    if parent:
        yield f"it goes on from run {parent}: the rows before are there"
