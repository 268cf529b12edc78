"""What in a run's config and summary is the client's own, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analysis.importers.wandb_log import RunFacts

INTERNAL_KEYS: Final = frozenset({"_step", "_timestamp", "_runtime", "_wandb"})
"""All other keys that begin with `_` are the user's."""
_VERSIONS: Final = {
    "cli_version": "wandb",
    "python_version": "python",
    "huggingface_version": "transformers",
    "framework": "framework",
}


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


def mirrored_run_id(config: Mapping[str, object]) -> str | None:
    """Id of the run of Ucurve that logged this one: `ucurve.run_id` of the config."""
    own = config.get("ucurve")
    run_id = own.get("run_id") if isinstance(own, Mapping) else None
    return run_id if isinstance(run_id, str) and run_id else None
