"""Filter conditions -> SQL over the runs, values bound as parameters, never formatted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from analysis.store.conditions import Condition, Scalar
from analysis.store.duck import Parameter
from analysis.store.schema import FILTERABLE, SAID, Column, column_named

FLOAT_TOLERANCE: Final = 1e-6
"""Relative: a rate logged in float32 still equals the one that was typed in."""


@dataclass(slots=True)
class Where:
    """A boolean SQL expression and the parameters it needs."""

    sql: str = "true"
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def bind(self, value: Parameter) -> str:
        """Placeholder for `value`."""
        name = f"where_{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def compile_where(conditions: Sequence[Condition]) -> Where:
    """SQL that is true where all `conditions` hold. Their columns must have been checked."""
    where = Where()
    parts = [_condition(where, condition) for condition in conditions]
    where.sql = " AND ".join(parts) or "true"
    return where


def _condition(where: Where, condition: Condition) -> str:
    column = column_named(FILTERABLE, condition.column)
    if condition.op in {"=", "!="}:
        matches = " OR ".join(_equals(where, condition.column, column, value) for value in condition.values)
        return f"(({matches}) IS {'NOT ' if condition.op == '!=' else ''}TRUE)"
    value = condition.values[0]
    if condition.op == "~":
        return _contains(where, condition.column, column, value)
    operand = _operand(where, condition.column, column, value)
    return f"(({operand} {condition.op} {where.bind(_bindable(value))}{_cast(value)}) IS TRUE)"


def _equals(where: Where, name: str, column: Column | None, value: Scalar) -> str:
    if column is not None and name in SAID:
        said, own = _equals(where, SAID[name].name, SAID[name], value), _equals(where, name, None, value)
        return f"({said} {'AND' if value is None else 'OR'} coalesce({own}, false))"
    if value is None:
        return f"{_text(where, name, column)} IS NULL"
    if column is not None and column.type == "list<string>":
        return f'list_contains("{column.name}", {where.bind(_bindable(value))})'
    operand = _operand(where, name, column, value)
    bound = f"{where.bind(_bindable(value))}{_cast(value)}"
    if _is_number(value) and (column is None or column.type == "float64"):
        return f"({operand} = {bound} OR abs({operand} - {bound}) <= {FLOAT_TOLERANCE} * abs({bound}))"
    return f"{operand} = {bound}"


def _contains(where: Where, name: str, column: Column | None, value: Scalar) -> str:
    if column is not None and name in SAID:
        said, own = _contains(where, SAID[name].name, SAID[name], value), _contains(where, name, None, value)
        return f"({said} OR {own})"
    haystack = _text(where, name, column)
    if column is not None and column.type == "list<string>":
        haystack = f"array_to_string({haystack}, chr(31))"
    return f"(contains(lower({haystack}), lower({where.bind(str(value))})) IS TRUE)"


def _operand(where: Where, name: str, column: Column | None, value: Scalar) -> str:
    """SQL for the column, as a number where a configuration key is compared with one."""
    text = _text(where, name, column)
    return f"TRY_CAST({text} AS DOUBLE)" if column is None and _is_number(value) else text


def _text(where: Where, name: str, column: Column | None) -> str:
    if column is not None:
        return f'"{column.name}"'
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return f"json_extract_string(config_json, {where.bind(pointer)})"


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bindable(value: Scalar) -> Parameter:
    if isinstance(value, bool):
        return "true" if value else "false"  # the text that a JSON truth value extracts to
    return value.isoformat() if isinstance(value, datetime) else value


def _cast(value: Scalar) -> str:
    return "::TIMESTAMPTZ" if isinstance(value, datetime) else ""
