"""One run as the server describes it, read from its own words: the client's object changes some and raises over others.

The client (0.31) takes the wrapping off config entries twice, so that an entry with a key `value` loses it, and cannot
make an object of a run without a user, or whose config is no JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates

Node: TypeAlias = dict[str, Any]
"""What a server says of one run, by field."""
_JSON_FIELDS: Final = ("config", "summaryMetrics")


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """One run.

    Attributes:
        handle: The client's object for it, for calls; its fields are not looked at.
    """

    entity: str
    project: str
    run_id: str
    node: Node
    handle: Any

    @property
    def label(self) -> str:
        """Names the run for people."""
        return f"{self.entity}/{self.project}/{self.run_id}"

    @property
    def config(self) -> dict[str, object]:
        """The config as it was logged, the client's own entries with it."""
        wrapped = _json_object(self.node.get("config")) or {}
        return {
            key: value["value"] if isinstance(value, dict) and "value" in value else value
            for key, value in wrapped.items()
        }

    @property
    def summary(self) -> dict[str, object]:
        """The summary, the client's own entries with it."""
        return _json_object(self.node.get("summaryMetrics")) or {}

    @property
    def unreadable(self) -> list[str]:
        """Fields that hold something that they should not."""
        return [
            name for name in _JSON_FIELDS if self.node.get(name) is not None and _json_object(self.node[name]) is None
        ]

    @property
    def last_step(self) -> int | None:
        """Step of the last row: as the server says, or as the summary does; None where neither does."""
        step = self.summary.get("_step")
        told = last_step(self.node)
        is_step = isinstance(step, int) and not isinstance(step, bool) and step >= 0
        return int(str(step)) if told is None and is_step else told


def history_count(node: Node) -> int | None:
    """Rows that the server says a run has, None where it does not say."""
    count = node.get("historyLineCount")
    return count if isinstance(count, int) and count >= 0 else None


def last_step(node: Node) -> int | None:
    """Step of the last row as the list of the run's keys says it, None where there is none."""
    keys = node.get("historyKeys")
    step = keys.get("lastStep") if isinstance(keys, dict) else None
    return int(step) if isinstance(step, int | float) and step >= 0 else None


def _json_object(value: object) -> dict[str, object] | None:
    """The object that a field holds, itself or as JSON text."""
    if isinstance(value, str):
        try:
            value = parse_json(replace_lone_surrogates(value)[0])
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
