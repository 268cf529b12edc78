"""The settings of a request that this source knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.source import Request

_KNOWN: Final = ("base_url", "filter", "since", "timeout_s")
_AGE: Final = re.compile(r"(\d{1,4})([dhw])")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_TIMEOUT_S: Final = 30.0
"""Of one request; our choice: long for a page, short for a person who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for.

    Attributes:
        base_url: The server, None for the one that wandb's settings name.
        filters: Of the listing, in the style of MongoDB; empty for all runs.
        timeout_s: Of one request.
    """

    base_url: str | None
    filters: Mapping[str, object]
    timeout_s: float


def read_options(request: Request) -> Options:
    """The options of a request.

    Raises:
        ConfigError: one has a value that it cannot have.
    """
    options = request.options
    parts = [part for part in (_filter(options.get("filter")), _since(options.get("since"), request.now)) if part]
    return Options(
        base_url=options.get("base_url") or None,
        filters={"$and": parts} if len(parts) > 1 else (parts[0] if parts else {}),
        timeout_s=_timeout(options.get("timeout_s")),
    )


def _filter(text: str | None) -> dict[str, object]:
    if not text:
        return {}
    try:
        wanted = json.loads(text)
    except ValueError as problem:
        raise ConfigError(f"filter {text!r} is no JSON ({problem}); write it like {_EXAMPLE}") from problem
    if not isinstance(wanted, dict):
        raise ConfigError(f"filter {text!r} is no JSON object; write it like {_EXAMPLE}")
    return wanted


_EXAMPLE: Final = '\'{"tags": "baseline", "config.lr": {"$lt": 0.01}}\''


def _since(text: str | None, now: float) -> dict[str, object]:
    """Runs created since then, and whatever is still running."""
    if not text:
        return {}
    since = _moment(text.strip(), now)
    created = {"createdAt": {"$gte": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    return {"$or": [created, {"state": "running"}]}


def _moment(text: str, now: float) -> datetime:
    age = _AGE.fullmatch(text)
    try:
        if age is not None:
            return datetime.fromtimestamp(now, UTC) - timedelta(hours=int(age[1]) * _HOURS[age[2]])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as problem:
        raise ConfigError(
            f"since {text!r} is neither a date like 2026-05-01 nor an age like 12h, 30d or 8w"
        ) from problem
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _timeout(text: str | None) -> float:
    if not text:
        return _TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 600:
        raise ConfigError(f"timeout_s {text!r} must be a number of seconds from 1 to 600")
    return seconds
