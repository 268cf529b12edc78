"""The un-tuned base model as a run of its own in the store: the baseline that every tuned run is compared with."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from analysis.store import RunRow, canonical_json, trial_key
from runner.run_rows import provenance_json

BASE_NAME: Final = "base model"
BASE_ADAPTER: Final = "none"
_FACTS: Final = ("model_hidden_size", "model_type")
"""What runs of a sweep know of their model beside its identity, for analyses that go by its size or family."""


class BaseIdentity(NamedTuple):
    """What makes two base models the same: weights and tokenizer. Facts as in a run's row and configuration."""

    model: str
    """As in the column `model`: what users call it."""
    model_digest: str | None
    """Of a local folder's weights, whose name says nothing."""
    model_revision: str | None
    tokenizer_id: str | None

    @property
    def run_id(self) -> str:
        """Id of the base model's run: `base-` and 12 hex digits of the hash of all four."""
        text = canonical_json(self._asdict())
        return f"base-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def base_identity(row: RunRow) -> BaseIdentity:
    """Returns the identity of the base model that a run was trained over."""
    config = config_of(row)
    return BaseIdentity(
        model=str(row.get("model")),
        model_digest=_text(config.get("model_digest")),
        model_revision=_text(config.get("model_revision")),
        tokenizer_id=_text(row.get("tokenizer_id")),
    )


def base_row(row: RunRow) -> RunRow:
    """Returns the row of the base model's own run: finished, without an adapter and without hyperparameters.

    Args:
        row: Of any run that was trained over it.
    """
    base = base_identity(row)
    known = config_of(row)
    config = {
        "model": base.model,
        "model_digest": base.model_digest,
        "model_revision": base.model_revision,
        "adapter": BASE_ADAPTER,
        **{name: known[name] for name in _FACTS if name in known},
    }
    return {
        "run_id": base.run_id,
        "trial_key": trial_key({**config, "tokenizer_id": base.tokenizer_id}),
        "source": "local",
        "name": BASE_NAME,
        "tags": [],
        "status": "finished",
        "attempt": 1,
        "model": base.model,
        "tokenizer_id": base.tokenizer_id,
        "adapter": BASE_ADAPTER,
        "config_json": json.dumps(config, sort_keys=True),
        "host": socket.gethostname(),
        "provenance_json": provenance_json(),
    }


def config_of(row: RunRow) -> Mapping[str, object]:
    """Returns a run's configuration."""
    config = json.loads(str(row.get("config_json") or "{}"))
    return config if isinstance(config, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
