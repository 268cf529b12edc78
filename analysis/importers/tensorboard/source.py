"""Finds the runs in folders of event files and reads them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analysis.importers.places import change_digest, existing_path
from analysis.importers.points import Collected
from analysis.importers.result import Verdict
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.tensorboard.attempts import join_files
from analysis.importers.tensorboard.event_file import EventFile, read_event_file
from analysis.importers.tensorboard.folders import RunFolder, find_runs

KIND: Final = "tensorboard"
QUIET_S: Final = 600.0
"""Seconds without a write after which a run counts as ended. Our choice: an event file has no end mark, and writers
write every 120 s."""


class TensorBoardSource:
    """Folders of event files. An item is one run."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The runs at the targets."""
        seen: set[Path] = set()
        for target in request.targets:
            root = existing_path(target)
            for run in find_runs(root):
                if run.path.resolve() not in seen:
                    seen.add(run.path.resolve())
                    yield _item(run, root)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The run of a folder."""
        n_read = 0

        def count(number: int) -> None:
            progress(n_read + number)

        try:
            files = []
            for path in json.loads(item.locator["files"]):
                files.append(read_event_file(Path(path), count))
                n_read += len(files[-1].values)
            added = [read_event_file(Path(path)) for path in json.loads(item.locator["hparams"])]
            # By name, `.10` would come before `.9`.
            files.sort(key=lambda file: (file.began_at is None, file.began_at, file.path.name))
            changed_at = max(file.path.stat().st_mtime for file in files)
        except OSError as error:
            yield Refusal(kind=KIND, label=item.label, reason=f"an event file cannot be read: {error.strerror}")
            return
        yield _run_or_refusal(item, files, added, request.now - changed_at)


SOURCE: Final = TensorBoardSource()


def _item(run: RunFolder, root: Path) -> Item:
    # Text that is no UTF-8 in a file name survives in JSON as an escape.
    locator = {
        "files": json.dumps([str(path) for path in run.files]),
        "hparams": json.dumps([str(path) for path in run.hparams]),
        "name": "/".join(run.path.resolve().parts[-2:]).lstrip("/"),  # whatever folder the search began in
    }
    label = str(run.path if root.is_dir() else root)
    return Item(kind=KIND, label=label, digest=change_digest(run.all_files), locator=locator, folder=run.path)


def _run_or_refusal(
    item: Item, files: Sequence[EventFile], added: Sequence[EventFile], quiet_s: float
) -> SourceRun | Refusal:
    hparams = next((file for file in reversed([*files, *added]) if file.hparams is not None), None)
    if not any(file.has_values for file in [*files, *added]) and hparams is None:
        return Refusal(kind=KIND, label=item.label, reason=_nothing_in(files))
    joined = join_files(files)
    logged = {tag for file in files for tag in file.tags}
    for file in added:
        for key, step, value in zip(file.keys, file.steps, file.values, strict=True):
            if file.tags[key] not in logged:
                joined.points.add(1, step, file.tags[key], value)
    collected = joined.points.collect()
    status = _status(files, hparams, quiet_s)
    is_growing = quiet_s < QUIET_S
    damage = _damage([*files, *added], is_growing=is_growing)
    verdict, reason = _verdict(damage, collected, status)
    began_at = next((file.began_at for file in files if file.began_at is not None), None)
    return SourceRun(
        kind=KIND,
        label=item.label,
        key=(KIND, files[0].path.name, repr(began_at), str(files[0].path.resolve().parent)),
        marks=tuple(f"{KIND}:{file.path.name}:{file.began_at!r}" for file in files if file.began_at is not None),
        status=status,
        verdict=verdict,
        name=item.locator["name"],
        group=hparams.group if hparams else None,
        created_at=datetime.fromtimestamp(began_at, UTC) if began_at is not None and 0 <= began_at < 2**37 else None,
        config=_config(files, hparams),
        summary={file.tags[key]: value for file in added for key, value in zip(file.keys, file.values, strict=True)},
        history=collected.history,
        objects=collected.objects,
        rows_expected=collected.rows_expected - joined.n_kept_rows,
        rows_got=collected.rows_got - joined.n_kept_rows,
        lost_records=_n_lost([*files, *added], collected, is_growing=is_growing),
        reason=reason,
        problems=collected.problems,
        notes=(*joined.notes, *collected.notes, *_unread(files)),
    )


def _nothing_in(files: Sequence[EventFile]) -> str:
    damage = _damage(files)
    return f"nothing was logged in it yet{'; ' + damage if damage else ''}"


def _config(files: Sequence[EventFile], hparams: EventFile | None) -> dict[str, object]:
    config: dict[str, object] = {}
    for file in files:
        config |= file.settings
    return config | (dict(hparams.hparams or {}) if hparams else {})


def _status(files: Sequence[EventFile], hparams: EventFile | None, quiet_s: float) -> str:
    """`add_hparams` says success at once, whatever becomes of the run; so a run that still logs is running."""
    said = hparams.status if hparams else None
    if quiet_s < QUIET_S and not _ended(files, hparams):
        return "running"
    return said if said in ("finished", "failed") else "unconfirmed"


def _ended(files: Sequence[EventFile], hparams: EventFile | None) -> bool:
    """Whether the plugin states an end that no later value contradicts."""
    if hparams is None or hparams.ended_at is None or hparams.status not in ("finished", "failed"):
        return False
    last = max((wall for file in files for wall in file.walls if math.isfinite(wall)), default=-math.inf)
    return hparams in files and last <= hparams.ended_at


def _verdict(damage: str, collected: Collected, status: str) -> tuple[Verdict, str | None]:
    if damage or collected.problems:
        return "partial", damage or collected.problems[0].reason
    if status == "running":
        return "unverified", "it was written to less than ten minutes ago: it may still grow"
    return "complete", None


def _damage(files: Sequence[EventFile], *, is_growing: bool = False) -> str:
    sentences = []
    for file in files:
        if file.n_damaged:
            sentences.append(f"{file.path.name}: {file.n_damaged} records are unreadable")
        if file.n_skipped_bytes:
            sentences.append(f"{file.path.name}: {file.n_skipped_bytes:,} bytes belong to no record")
        if file.cut_bytes and not is_growing:
            sentences.append(f"{file.path.name}: the last record breaks off")
    return "; ".join(sentences)


def _n_lost(files: Sequence[EventFile], collected: Collected, *, is_growing: bool) -> int:
    """Records known to be lost; how many a stretch without records held is not known, so it counts as one."""
    cut = sum(bool(file.cut_bytes) for file in files if not is_growing)
    damaged = sum(file.n_damaged + bool(file.n_skipped_bytes) for file in files)
    return cut + damaged + collected.rows_expected - collected.rows_got


def _unread(files: Sequence[EventFile]) -> list[str]:
    counts: Counter[str] = sum((file.unread for file in files), Counter())
    return [f"not read: {', '.join(f'{n:,} of kind {kind}' for kind, n in sorted(counts.items()))}"] if counts else []
