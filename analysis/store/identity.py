"""Who is who: a trial is its configuration, a run is a trial with a seed. Never a name, never a folder."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.errors import SchemaError

if TYPE_CHECKING:
    from analysis.store.store import Store

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""What an id may look like. Ids are the only text that becomes part of a path."""

_PLAIN: Final = frozenset({str, bool, int})
_EXACT_INTEGERS: Final = 2**53
"""Up to here every whole float is one integer, so writing it as one loses nothing."""


def canonical_json(config: Mapping[str, object]) -> str:
    """One JSON text per configuration: sorted keys, 8.0 as 8, -0.0 as 0, tuples as lists, no NaN tokens.

    Non-finite numbers become `{"$float": "nan"}`, which no configured text can be mistaken for.

    Raises:
        SchemaError: a key is no text, or a value has no JSON form.

    >>> canonical_json({"lr": 1e-4, "rank": 8.0})
    '{"lr":0.0001,"rank":8}'
    """
    return json.dumps(_canonical(config, "config"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def trial_key(config: Mapping[str, object]) -> str:
    """16 hexadecimal digits that name a configuration, its `seed` left out; equal for replicates.

    Raises:
        SchemaError: as `canonical_json`.
    """
    without_seed = {key: value for key, value in config.items() if key != "seed"}
    return hashlib.sha256(canonical_json(without_seed).encode()).hexdigest()[:16]


def run_id_of(trial_key: str, seed: int) -> str:
    """Id of the run of one trial with one seed."""
    return f"{trial_key[:12]}-s{seed}"


def artifact_dir(store: Store, run_id: str) -> Path:
    """Folder for a run's adapter, log and reports; not created here.

    Raises:
        SchemaError: `run_id` is not an id, so it must not become part of a path.
    """
    if not re.fullmatch(ID_PATTERN, run_id):
        raise SchemaError(f"{run_id!r} is not a run id; an id matches {ID_PATTERN}")
    return Path(store.location) / "artifacts" / run_id


def _canonical(value: object, where: str) -> object:
    if value is None or type(value) in _PLAIN or isinstance(value, str):
        return value
    if isinstance(value, float):  # before the abstract kinds of number, which are slow to tell
        return _canonical_number(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _canonical_number(float(value))
    if isinstance(value, Mapping):
        return {_key(key, where): _canonical(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise SchemaError(f"{where} must be a number, text, list or mapping, got {type(value).__name__} {value!r}")


def _canonical_number(value: float) -> object:
    if not math.isfinite(value):
        return {"$float": repr(value)}
    if value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return int(value)
    return value


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise SchemaError(f"keys of {where} must be text, got {type(key).__name__} {key!r}")
    return key
