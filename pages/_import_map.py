"""The map of a table as rows of a form, one per column, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.table import TableMap, map_from_values
from analysis.importers.table.table_map import FIELDS
from pages._text import md_escape

CONFIGURATION: Final = "configuration"
ROLES: Final = (
    CONFIGURATION, "field", "metric", "benchmark", "measured", "ignore", "step", "metric_name", "metric_value", "curve",
)  # fmt: skip
"""What a column can be; a field, metric or benchmark also has a name."""
_SECTIONS: Final[Mapping[str, str]] = {"field": "fields", "metric": "metrics", "benchmark": "evals"}
_SINGLE: Final = ("step", "metric_name", "metric_value")
_LISTS: Final = ("measured", "ignore")

FormRow = dict[str, object]
"""Keys `column, role, name, factor, found`."""


def form_rows(table_map: TableMap, columns: Sequence[Mapping[str, object]]) -> list[FormRow]:
    """Returns one row per column of the table.

    Args:
        table_map: What the columns are by now.
        columns: Objects with `column` and `found`, as the reading process gives them.
    """
    return [_form_row(table_map, str(column["column"]), column["found"]) for column in columns]


def _form_row(table_map: TableMap, header: str, found: object) -> FormRow:
    role, name = _role_of(table_map, header)
    scale = table_map.scale.get(name)
    if role == "benchmark" and name in table_map.eval_details:
        scale = table_map.eval_details[name].scale
    factor = None if scale in (None, 1.0) else scale
    return {"column": header, "role": role, "name": name or None, "factor": factor, "found": found}


def _role_of(table_map: TableMap, header: str) -> tuple[str, str]:
    for role, section in _SECTIONS.items():
        for name, column in getattr(table_map, section).items():
            if column == header or (isinstance(column, list) and header in column):
                return role, name
    for role in _SINGLE:
        if getattr(table_map, role) == header:
            return role, ""
    for role in _LISTS:
        if header in getattr(table_map, role):
            return role, ""
    curve = table_map.curve_step(header)
    return ("curve", curve[0]) if curve is not None else (CONFIGURATION, "")


def map_from_form(rows: Sequence[Mapping[str, object]], before: TableMap) -> TableMap:
    """Returns the map that the form's rows say; what a form cannot say stays as it was before, where it fits.

    Raises:
        ConfigError: a role lacks its name, two columns are the same thing, or a name is no field.
    """
    values: dict[str, object] = {key: {} for key in _SECTIONS.values()} | {key: [] for key in _LISTS}
    scale: dict[str, float] = {}
    for row in rows:
        _add(values, scale, row)
    kept = before.model_dump(exclude_defaults=True)
    for key in (*_SECTIONS.values(), *_SINGLE, *_LISTS, "scale", "config"):
        kept.pop(key, None)
    values = kept | values
    _settle(values, scale)
    checked = {key: value for key, value in values.items() if value not in ({}, [])}
    return map_from_values(checked, "the form")


def _add(values: dict[str, object], scale: dict[str, float], row: Mapping[str, object]) -> None:
    header, role, name = str(row["column"]), str(row["role"]), str(row.get("name") or "").strip()
    if role in _SINGLE:
        if role in values:
            raise ConfigError(f"{values[role]} and {header} are both {role}; only one column can be")
        values[role] = header
    elif role in _LISTS:
        _items(values, role).append(header)
    elif role in _SECTIONS:
        _name(values, _SECTIONS[role], role, name, header)
        factor = row.get("factor")
        if isinstance(factor, int | float) and factor == factor and factor != 1:
            scale[name] = float(factor)


def _name(values: dict[str, object], section: str, role: str, name: str, header: str) -> None:
    if not name:
        hint = f"one of {', '.join(FIELDS)}" if role == "field" else "such as eval_loss or arc_easy"
        raise ConfigError(f"column {header} is a {role}; say which under name, {hint}")
    found = values[section]
    if not isinstance(found, dict):
        raise TypeError(section)
    if name in found and name == "run_id":
        before = found[name]
        found[name] = [*(before if isinstance(before, list) else [before]), header]
    elif name in found:
        raise ConfigError(f"columns {found[name]} and {header} are both {role} {name}; only one can be")
    else:
        found[name] = header


def _items(values: dict[str, object], key: str) -> list[object]:
    found = values[key]
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def _settle(values: dict[str, object], scale: dict[str, float]) -> None:
    """Factors go where they belong, and what speaks of names that are gone goes with them."""
    evals, metrics, fields = (_keys(values.get(key)) for key in ("evals", "metrics", "fields"))
    curves = _keys(values.get("curves"))
    before = values.get("eval_details")
    details = {name: dict(found) for name, found in before.items() if name in evals} if isinstance(before, dict) else {}
    for name in evals:
        details.setdefault(name, {}).pop("scale", None)
        if name in scale:
            details[name]["scale"] = scale[name]
    values["eval_details"] = {name: found for name, found in details.items() if found}
    values["scale"] = {name: factor for name, factor in scale.items() if name in (*metrics, *fields)}
    directions = values.get("directions")
    if isinstance(directions, dict):
        known = {*metrics, *curves, *evals}
        values["directions"] = {name: better for name, better in directions.items() if name in known}
    blank = values.get("blank_is_nan")
    if isinstance(blank, list):
        values["blank_is_nan"] = [name for name in blank if name in (*metrics, *curves)]


def _keys(section: object) -> list[str]:
    return list(section) if isinstance(section, dict) else []


def problem_text(problem: Mapping[str, object]) -> str:
    """A row that is not imported, as a sentence for Markdown."""
    where = f"line {problem['line']}: " if problem.get("line") else ""
    column = f"{problem['column']}: " if problem.get("column") else ""
    return md_escape(f"{where}{column}{problem['reason']}")
