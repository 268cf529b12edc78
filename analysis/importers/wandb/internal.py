"""What in a run's config and summary is the client's own, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from analysis.importers.source_run import SourceRun
from analysis.importers.wandb_log import RunFacts
from analysis.store.schema import FINAL_STATUSES

INTERNAL_KEYS: Final = frozenset({"_step", "_timestamp", "_runtime", "_wandb"})
"""All other keys that begin with `_` are the user's."""
_VERSIONS: Final = {
    "cli_version": "wandb",
    "python_version": "python",
    "huggingface_version": "transformers",
    "framework": "framework",
}
_OPEN_ENDED: Final = frozenset({"running", "queued", "lost"})


def is_fork(facts: RunFacts) -> bool:
    """Whether the run began from another one; a run that was set back to an earlier step of its own did not."""
    return facts.parent_run_id is not None and facts.parent_run_id != facts.run_id


def without_internal(entries: Mapping[str, object]) -> dict[str, object]:
    """A config or summary as the user logged it."""
    return {key: value for key, value in entries.items() if key not in INTERNAL_KEYS}


def client_versions(config: Mapping[str, object]) -> dict[str, str]:
    """Versions that the client noted in the config's `_wandb`."""
    noted = config.get("_wandb")
    if not isinstance(noted, Mapping):
        return {}
    return {name: str(noted[key]) for key, name in _VERSIONS.items() if noted.get(key)}


def with_own_words(run: SourceRun) -> SourceRun:
    """A run that Ucurve copied to W&B, with what Ucurve noted there: which run it is, its sweep, and how it ended.

    How it ended is W&B's word while W&B calls it going or lost: what was noted may be of an attempt before.
    """
    own = run.config.get("ucurve")
    run_id = _text(own.get("run_id")) if isinstance(own, Mapping) else None
    if not isinstance(own, Mapping) or run_id is None:
        return run
    noted = replace(run, own_run_id=run_id, sweep=_text(own.get("sweep_id")) or run.sweep)
    status = run.summary.get("status")
    if run.status in _OPEN_ENDED or not isinstance(status, str) or status not in FINAL_STATUSES:
        return noted
    return replace(noted, status=status, status_reason=_text(run.summary.get("status_reason")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
