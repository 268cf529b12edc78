"""How a run ended: from its checkpoints and its config, never from a ratio: `progress` often ends at (n-1)/n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.importers.logged_rows import step_of
from analysis.importers.result import Verdict
from analysis.importers.table.bounded_lines import bounded_lines
from analysis.importers.tinker.metrics_file import MetricsReader
from analysis.importers.tinker.settings import final_step
from analysis.importers.wandb_log.ending import QUIET_S
from analysis.importers.wandb_log.json_text import parse_json

_FINAL: Final = "final"


@dataclass(frozen=True, slots=True)
class Ending:
    """Status and verdict of a run, each with its reason."""

    status: str
    status_reason: str
    verdict: Verdict
    reason: str | None


def last_checkpoint(path: Path) -> Mapping[str, object] | None:
    """The last whole line of `checkpoints.jsonl`, or None."""
    last = None
    try:
        for text in bounded_lines(path, "utf-8"):
            try:
                record = parse_json(text)
            except ValueError:
                continue
            last = record if isinstance(record, dict) else last
    except OSError:
        return None
    return last


def ending_of(
    read: MetricsReader,
    config: Mapping[str, object],
    checkpoint: Mapping[str, object] | None,
    *,
    quiet_s: float,
    config_problem: str | None,
) -> Ending:
    """The ending.

    Args:
        read: The rows.
        config: The config; empty where it is missing.
        checkpoint: The last one.
        quiet_s: Seconds since a file of the run was last written to.
        config_problem: Why there is no config.
    """
    status, why = _status(read, config, checkpoint, quiet_s)
    lost = _losses(read, checkpoint, status, config_problem)
    if lost:
        return Ending(status, why, "partial", "; ".join(lost))
    if status == "finished":
        return Ending(status, why, "complete", None)
    return Ending(status, why, "unverified", f"{why}: more rows may follow or be missing")


def _status(
    read: MetricsReader, config: Mapping[str, object], checkpoint: Mapping[str, object] | None, quiet_s: float
) -> tuple[str, str]:
    if checkpoint is not None and (checkpoint.get("final") is True or checkpoint.get("name") == _FINAL):
        return "finished", "its final checkpoint was saved"
    last = final_step(config)
    if last is not None and read.attempts.last_step >= last:
        return "finished", "all steps of max_steps were logged; there is no final checkpoint"
    if quiet_s <= QUIET_S:
        return "running", "it has no final checkpoint yet"
    return "unconfirmed", "it has no final checkpoint"


def _losses(
    read: MetricsReader, checkpoint: Mapping[str, object] | None, status: str, config_problem: str | None
) -> list[str]:
    """What is known to be missing."""
    lost = []
    if read.n_broken:
        lost.append(f"{read.n_broken} lines of metrics.jsonl are no rows")
    if read.ends_in_half_a_line and status != "running":
        lost.append("metrics.jsonl ends in half a line: the run was killed or the file cut")
    if read.n_without_step and not read.rows.n_rows:
        lost.append("no row says its step, so only the last values were taken")
    n_steps = step_of((checkpoint or {}).get("batch"))
    # The checkpoint that ends supervised training counts from 0 again; in reinforcement learning it counts all steps.
    if status == "finished" and n_steps and read.attempts.last_step < n_steps - 1:
        lost.append(f"the last checkpoint is of {n_steps} steps, but the last row is of step {read.attempts.last_step}")
    if config_problem:
        lost.append(f"{config_problem}, so its settings are unknown")
    return lost
