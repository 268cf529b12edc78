"""From the text of a sweep file to a job of the queue, and the key that makes one intent one job."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import ConfigError
from analysis.strict_yaml.edit import set_value
from analysis.strict_yaml.write import to_yaml
from runner.drafts.values import spec_values
from runner.queue.job import ENDED, Job, SweepOrder
from runner.spec.axes import POINTS_AROUND
from runner.spec.axis_values import axis_values
from runner.spec.load import parse_sweep_spec
from runner.spec.schema import SweepSpec


def sweep_order(text: str, folder: Path | None = None, *, file: str = "sweep.yaml") -> SweepOrder:
    """Returns the job that a sweep file asks for.

    Args:
        text: The file.
        folder: Where its relative paths start; in the job they are absolute.
        file: Its name, for messages; without a `name` in the text also the sweep's.

    Raises:
        ConfigError: one sentence per mistake in it.
    """
    spec = parse_sweep_spec(text, file=file, folder=folder)
    return SweepOrder(sweep_id=spec.name, spec=_anchored(text, spec), n_runs=count_runs(spec))


def count_runs(spec: SweepSpec) -> int:
    """Returns how many runs a sweep has."""
    sizes = [
        axis.points or POINTS_AROUND if axis.around is not None else len(axis_values(name, axis))
        for name, axis in spec.axes.items()
    ]
    return math.prod(sizes) * len(spec.seeds)


def spec_digest(text: str) -> str:
    """Returns what tells sweep files apart: equal for those that ask for the same, however they are written."""
    values = parse_sweep_spec(text).model_dump(mode="json")
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def twins(order: SweepOrder, jobs: Sequence[Job]) -> list[Job]:
    """Returns the jobs that ask for the same, the newest first as they are."""
    wanted = spec_digest(order.spec)
    return [job for job in jobs if job.order.sweep_id == order.sweep_id and _digest(job) == wanted]


def submission_key(order: SweepOrder, jobs: Sequence[Job]) -> str:
    """Returns the idempotency key of asking for this now: whoever asks for the same before that job has ended gets it.

    It depends on what is asked and on the last job that asked for it, and on nothing in the browser: a double click, a
    second tab, going back and a restarted dashboard all come to the same key.

    Args:
        order: What is asked.
        jobs: All of the queue, the newest first.
    """
    same = twins(order, jobs)
    if same and same[0].state not in ENDED:
        return same[0].key
    after = same[0].job_id if same else "nothing"
    return hashlib.sha256(f"{spec_digest(order.spec)} after {after}".encode()).hexdigest()


def fresh_key() -> str:
    """Returns a key that no other submission has: for an explicit second job of the same."""
    return secrets.token_hex(32)


def _anchored(text: str, spec: SweepSpec) -> str:
    """Returns the text with the name and absolute paths in it, its comments as they were where that can be."""
    wanted = spec_values(spec)
    for key in ("name", "model", "dataset", "evaluate"):
        if key in wanted and (key == "name" or _has_path(spec, key)):
            text = set_value(text, (key,), wanted[key])
    return text if parse_sweep_spec(text) == spec else to_yaml(wanted)


def _has_path(spec: SweepSpec, key: str) -> bool:
    if key == "model":
        return Path(spec.model.id).is_absolute()
    if key == "dataset":
        return spec.dataset.path is not None or isinstance(spec.dataset.held_out, Path)
    return spec.evaluate is not None and any(Path(name).is_absolute() for name in spec.evaluate.benchmarks)


def _digest(job: Job) -> str | None:
    try:
        return spec_digest(job.order.spec)
    except ConfigError:  # written by another version
        return None
