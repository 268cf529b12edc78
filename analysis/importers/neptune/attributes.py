"""Single values of an export: the config, and what Neptune itself says of the run (`sys/...`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_VALUES: Final[Mapping[str, str]] = {
    "float": "float_value",
    "int": "int_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
}
_FILES: Final = ("file", "file_set", "artifact")
_RESULTS: Final = frozenset(
    {"best", "eval", "evaluation", "final", "metric", "metrics", "monitoring", "result", "results", "score", "scores",
     "summary", "test", "val", "valid", "validation"}
)  # fmt: skip
"""Namespaces that hold results: a single number there is no setting."""


@dataclass(slots=True)
class Attributes:
    """Takes batches of one run.

    Attributes:
        values: Attribute path -> value.
        files: Attribute path -> path below the exporter's folder of files.
    """

    values: dict[str, object] = field(default_factory=dict)
    files: dict[str, object] = field(default_factory=dict)

    def add(self, batch: pa.Table) -> None:
        """Takes the rows of a batch that are single values."""
        for kind, column in _VALUES.items():
            self.values.update(_pairs(batch, [kind], column))
        for path, value in _pairs(batch, _FILES, "file_value"):
            self.files[path] = value.get("path") if isinstance(value, Mapping) else value

    def sys(self, name: str) -> object:
        """What Neptune says of the run under a name, or None."""
        return self.values.get(f"sys/{name}")

    def texts(self, *names: str) -> tuple[str, ...]:
        """All texts of some sets, such as tags."""
        sets = [value for name in names if isinstance(value := self.sys(name), Sequence)]
        return tuple(sorted({str(text) for texts in sets if not isinstance(texts, str) for text in texts}))

    def moment(self, name: str) -> datetime | None:
        """A moment that Neptune noted, or None."""
        value = self.sys(name)
        return value if isinstance(value, datetime) else None

    def config(self) -> dict[str, object]:
        """Everything but Neptune's own, nested by namespace; `a` beside `a/b` keeps the second's path as its key."""
        return nested((path, value) for path, value in self.values.items() if not path.startswith("sys/"))

    def results(self) -> dict[str, object]:
        """Attribute path -> single number of a namespace that holds results."""
        return {
            path: value
            for path, value in self.values.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and _RESULTS & set(path.split("/"))
        }


def _pairs(batch: pa.Table, kinds: Iterable[str], column: str) -> list[tuple[str, object]]:
    rows = batch.filter(pc.is_in(batch["attribute_type"], pa.array(list(kinds))))
    values = zip(rows["attribute_path"].to_pylist(), rows[column].to_pylist(), strict=True)
    return [(path, value) for path, value in values if path and value is not None]


def nested(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Values by the parts of their path.

    >>> nested([("model/name", "m"), ("model/name/size", 3)])
    {'model': {'name': 'm', 'name/size': 3}}
    """
    root: dict[str, object] = {}
    for path, value in sorted(pairs, key=lambda pair: pair[0].count("/")):
        node, rest = root, path
        while "/" in rest:
            head, _, tail = rest.partition("/")
            below = node.setdefault(head, {})
            if not isinstance(below, dict):
                break
            node, rest = below, tail
        node[rest] = value.isoformat() if isinstance(value, datetime) else value
    return root
