"""Trackio's JSON: numbers that JSON has no form for are the texts NaN, Infinity and -Infinity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates

_NUMBERS: Final[Mapping[object, float]] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def decode(stored: object) -> dict[str, object] | None:
    """The object in a cell, with numbers at its top level read as Trackio reads them; None where there is none."""
    if isinstance(stored, bytes):
        stored = stored.decode(errors="replace")
    if not isinstance(stored, str):
        return None
    try:
        value = parse_json(replace_lone_surrogates(stored)[0])
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return {name: _NUMBERS.get(item, item) if isinstance(item, str) else item for name, item in value.items()}


def moment(text: object) -> datetime | None:
    """The moment of an ISO text; None where it is none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)
