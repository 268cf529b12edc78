"""The tables of docs/sweep-spec.md, made from the models so that they cannot disagree.

Run `python -m runner.spec.reference docs/sweep-spec.md` after a change of the models.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from runner.spec.axes import AxisSection
from runner.spec.checkpoint import CheckpointSection
from runner.spec.dataset import DatasetSection
from runner.spec.evaluate import EvaluateSection
from runner.spec.fields import Section
from runner.spec.schema import SweepSpec
from runner.spec.sections import BudgetSection, EvaluationSection, ModelSection
from runner.spec.tracking import TrackSection
from runner.spec.training import TrainingSection

SECTIONS: Mapping[str, type[Section]] = {
    "": SweepSpec,
    "model": ModelSection,
    "dataset": DatasetSection,
    "axes": AxisSection,
    "budget": BudgetSection,
    "training": TrainingSection,
    "evaluation": EvaluationSection,
    "checkpoint": CheckpointSection,
    "track": TrackSection,
    "evaluate": EvaluateSection,
}
_HEADER = "| Key | Type | Unit | Default | Range | Meaning |\n|---|---|---|---|---|---|"
_BOUNDS = (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true/false", "string": "text", "array": "list"}

Schema = Mapping[str, object]


def section_table(name: str) -> str:
    """Returns the Markdown table of one section's keys; the name is empty for the top level."""
    schema = SECTIONS[name].model_json_schema()
    required = cast("list[str]", schema.get("required", []))
    properties = cast("Mapping[str, Schema]", schema["properties"])
    rows = [_row(key, entry, needed=key in required) for key, entry in properties.items()]
    return "\n".join([_HEADER, *rows])


def fill_document(text: str) -> str:
    """Returns the document with every table between its `<!-- table: NAME -->` and `<!-- end -->` marks made anew."""
    for name in SECTIONS:
        start = f"<!-- table: {name or 'sweep'} -->"
        before, mark, rest = text.partition(start)
        if mark:
            _old, end, after = rest.partition("<!-- end -->")
            text = f"{before}{mark}\n{section_table(name)}\n{end}{after}"
    return text


def _row(key: str, entry: Schema, *, needed: bool) -> str:
    kinds = _alternatives(entry)
    default = str(entry.get("shown_default", "")) or ("**needed**" if needed else _written(entry.get("default")))
    cells = [
        f"`{key}`",
        str(entry.get("shown_type", "")) or " or ".join(dict.fromkeys(_type(kind) for kind in kinds)),
        str(entry.get("unit", "")),
        default,
        str(entry.get("shown_range", "")) or "; ".join(filter(None, map(_range, kinds))),
        str(entry.get("description", "")),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _alternatives(entry: Schema) -> list[Schema]:
    """Returns the schemas a value may match; `null` only where it is not the default and so means something."""
    kinds = cast("list[Schema]", entry.get("anyOf", [entry]))
    return [kind for kind in kinds if kind.get("type") != "null" or entry.get("default") is not None]


def _type(kind: Schema) -> str:
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in cast("list[str]", kind["enum"]))
    if "const" in kind:
        return f"`{kind['const']}`"
    if kind.get("format") == "path":
        return "path"
    if "$ref" in kind or kind.get("type") == "object":
        return "mapping"
    return _TYPES.get(str(kind.get("type")), str(kind.get("type")))


def _range(kind: Schema) -> str:
    bounds = [f"{sign} {_written(kind[key])}" for key, sign in _BOUNDS if key in kind]
    if "pattern" in kind:
        bounds.append(f"`{kind['pattern']}`")
    if "maxItems" in kind:
        fewest, most = kind.get("minItems", 0), kind["maxItems"]
        bounds.append(f"{most} items" if fewest == most else f"{fewest} to {most} items")
    return ", ".join(bounds)


def _written(value: object) -> str:
    """Returns a value as it stands in YAML."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def main(arguments: list[str]) -> None:
    """Rewrites the tables of the documents that are named."""
    for path in map(Path, arguments):
        path.write_text(fill_document(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
