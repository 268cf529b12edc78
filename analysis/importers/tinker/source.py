"""Finds and reads runs of tinker-cookbook."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analysis.importers.places import change_digest
from analysis.importers.run_files import (
    Folder,
    UnreadableFileError,
    folders_at,
    last_write,
    read_json_object,
)
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.table.bounded_lines import bounded_lines
from analysis.importers.tinker.ending import ending_of, last_checkpoint
from analysis.importers.tinker.metrics_file import MetricsReader, has_timing
from analysis.importers.tinker.settings import NO_TRIAL_KEYS, columns_of, is_of_another_tool, name_of
from analysis.importers.wandb_log.json_text import parse_json

KIND: Final = "tinker"
_METRICS: Final = "metrics.jsonl"
_CONFIG: Final = "config.json"
_CHECKPOINTS: Final = "checkpoints.jsonl"
_DIFF: Final = "code.diff"
_SPANS: Final = "timing_spans.jsonl"
_LATEST: Final = 2.0**37
"""Seconds since 1970 that a date can still hold."""
_BEFORE_RESUME: Final = re.compile(r"metrics\.jsonl\.pre_resume_(\d+)$")
"""Copies that the tool keeps of `metrics.jsonl` before it drops the rows after the checkpoint it resumes from."""


class TinkerSource:
    """Each folder with `metrics.jsonl` beside another file of the tool is one run."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The runs at and below the targets.

        Raises:
            ConfigError: there is nothing at a target.
        """
        problems: list[str] = []
        found: set[Path] = set()
        for folder in folders_at(request.targets, problems):
            if folder.path in found or not _is_run(folder):
                continue
            found.add(folder.path)
            digest = change_digest([*_metric_files(folder.path), folder.path / _CONFIG, folder.path / _CHECKPOINTS])
            label = str(folder.path)
            yield Item(kind=KIND, label=label, digest=digest, locator={"folder": label}, folder=folder.path)
        yield from (Refusal(kind=KIND, label=problem.split("'")[1], reason=problem) for problem in problems)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The one run of a folder."""
        folder = Path(item.locator["folder"])
        read = MetricsReader(progress)
        try:
            for path in _metric_files(folder):
                read.read(path)
        except OSError as error:
            reason = f"metrics.jsonl cannot be read: {error.strerror or error}"
            yield Refusal(kind=KIND, label=item.label, reason=reason)
            return
        if read.first_row is None:
            yield Refusal(kind=KIND, label=item.label, reason=_nothing(read))
            return
        yield _run(item, folder, read, request.now)


SOURCE: Final = TinkerSource()


def _is_run(folder: Folder) -> bool:
    if len(folder.names) == 1 and (folder.path / folder.names[0]).is_file() and _METRICS in folder:
        return True  # named by the user, or all that is left of a run
    if not ({_CONFIG, _CHECKPOINTS, _DIFF} & set(folder.names)):
        return False
    if _METRICS not in folder:
        return {_CONFIG, _DIFF} <= set(folder.names)
    try:
        return not is_of_another_tool(read_json_object(folder.path / _CONFIG))
    except UnreadableFileError:
        return True


def _metric_files(folder: Path) -> list[Path]:
    """The files with rows, the oldest process first."""
    copies = sorted(
        (int(match[1]), path)
        for path in folder.glob(f"{_METRICS}.pre_resume_*")
        if (match := _BEFORE_RESUME.search(path.name))
    )
    current = folder / _METRICS
    return [path for _, path in copies] + ([current] if current.is_file() else [])


def _nothing(read: MetricsReader) -> str:
    if read.n_broken:
        return "metrics.jsonl holds no row of JSON; is it the file that tinker-cookbook wrote?"
    return "nothing is logged yet; import it again once its first step is done"


def _run(item: Item, folder: Path, read: MetricsReader, now: float) -> SourceRun:
    config, problem = _config_of(folder)
    checkpoint = last_checkpoint(folder / _CHECKPOINTS)
    files = [*_metric_files(folder), folder / _CHECKPOINTS]
    ending = ending_of(read, config, checkpoint, quiet_s=now - last_write(files), config_problem=problem)
    half = int(read.ends_in_half_a_line and ending.status != "running")
    totals = f"{read.n_without_step} rows without a step are running totals; their last values are in the summary"
    first_row = read.first_row or {}
    # Without a config nothing but the place tells runs with equal first rows apart.
    place = () if config or has_timing(first_row) else (str(folder),)
    return SourceRun(
        kind=KIND,
        label=item.label,
        key=(_digest([config, first_row]), *place),
        marks=(f"tinker:{_digest(first_row)}",) if has_timing(first_row) else (),
        status=ending.status,
        status_reason=ending.status_reason,
        name=name_of(config) or folder.name,
        created_at=_began(folder / _SPANS),
        config=config,
        columns=columns_of(config),
        summary=read.totals,
        history=read.rows.history(),
        objects=read.rows.objects(),
        environment={"tool": "tinker-cookbook"} | ({"last_checkpoint": dict(checkpoint)} if checkpoint else {}),
        verdict=ending.verdict,
        reason=ending.reason,
        rows_expected=read.rows.n_rows + read.n_broken + half,
        rows_got=read.rows.n_rows,
        problems=read.rows.problems,
        notes=(*read.attempts.notes, *((totals,) if read.n_without_step else ())),
        no_trial_keys=NO_TRIAL_KEYS,
    )


def _config_of(folder: Path) -> tuple[Mapping[str, object], str | None]:
    """The config, and why there is none."""
    try:
        return read_json_object(folder / _CONFIG), None
    except UnreadableFileError as problem:
        return {}, str(problem)


def _began(path: Path) -> datetime | None:
    """When the first step that was timed began."""
    try:
        first = parse_json(next(bounded_lines(path, "utf-8"), ""))
    except (OSError, ValueError):
        return None
    spans = first.get("spans") if isinstance(first, dict) else None
    starts = [span.get("wall_start") for span in spans if isinstance(span, dict)] if isinstance(spans, list) else []
    seconds = [start for start in starts if isinstance(start, float) and 0 < start < _LATEST]
    return datetime.fromtimestamp(min(seconds), UTC) if seconds else None


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
