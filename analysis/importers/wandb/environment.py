"""What the client noted about the machine, the code and the command: as much as an analysis has a use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analysis.importers.wandb.internal import client_versions, is_fork
from analysis.importers.wandb_log import LoggedRun, RunFacts, RunLog

_KEPT: Final = (
    "os", "python", "program", "args", "code_path", "git", "docker", "started_at", "cpu_count", "gpu_type", "gpu_count",
    "cuda_version", "slurm",
)  # fmt: skip
"""Fields of the client's environment record. Who ran it, and folders and disks of the machine, are left out."""


def environment_of(run: LoggedRun, log: RunLog, facts: RunFacts) -> dict[str, object]:
    """The provenance of a run: where it stands at W&B, and what made it."""
    noted = {key: log.environment[key] for key in _KEPT if log.environment.get(key)}
    versions = client_versions(log.config)
    if facts.client_version:
        versions["wandb"] = facts.client_version
    at_wandb: Mapping[str, object] = {"entity": run.entity, "project": run.project, "run_id": run.run_id}
    said = {"versions": versions, "wandb": at_wandb, **noted, "host": facts.host, "forked_from": _fork(facts)}
    return {key: value for key, value in said.items() if value}


def _fork(facts: RunFacts) -> dict[str, object] | None:
    return {"run_id": facts.parent_run_id, "step": facts.fork_step} if is_fork(facts) else None
