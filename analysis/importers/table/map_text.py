"""MAP.yaml: read strictly, checked against the table's columns, and written back so that it means the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.table.table_map import TableMap
from analysis.importers.table.types import Table
from analysis.strict_yaml.document import Document, parse_yaml, read_yaml
from analysis.strict_yaml.explain import nearest
from analysis.strict_yaml.problems import Problem, shown
from analysis.strict_yaml.validate import validate

_BARE: Final = re.compile(r"[A-Za-z][\w./-]*(?: [\w./-]+)*")
_NOT_BARE: Final = re.compile(r"(?i)true|false|null|yes|no|on|off|y|n|nan|inf")


def read_map(path: Path) -> TableMap:
    """Returns the map in a file.

    Raises:
        ConfigError: one sentence per mistake, each with file, line, key, value and fix.
    """
    return _checked(read_yaml(path), str(path))


def parse_map(text: str, file: str = "map.yaml") -> TableMap:
    """Returns the map that a text holds, as `read_map` does; a text of comments only is an empty map."""
    return _checked(parse_yaml(text, file), file)


def map_from_values(values: Mapping[str, object], where: str) -> TableMap:
    """Returns the map made of plain values, checked like a file; `where` names them in messages.

    Raises:
        ConfigError: as `read_map`, without lines.
    """
    return validate(TableMap, values, Document({}, {}), where)


def _checked(document: Document, file: str) -> TableMap:
    values = {} if document.value is None else document.value
    if not isinstance(values, dict):
        raise ConfigError(
            Problem("holds no `key: value` lines", "such as metrics: {eval_loss: val_loss}").sentence(file)
        )
    return validate(TableMap, values, document, file)


def check_columns(table_map: TableMap, table: Table) -> None:
    """Checks that every column the map names is in the table.

    Raises:
        ConfigError: with the valid names.
    """
    for key, header in _mentioned(table_map):
        in_metric_name = table_map.metric_name is not None and key.startswith("metrics.")
        if header not in table.headers and not in_metric_name:
            message = f"{table.file}: {key}: there is no column {shown(header)}"
            raise ConfigError(f"{message}; {nearest(header, table.headers)}")
    for metric, curve in table_map.curves.items():
        if not any(curve.step_of(header) is not None for header in table.headers):
            raise ConfigError(f"{table.file}: curves.{metric}: no column looks like {shown(curve.columns)}")


def _mentioned(table_map: TableMap) -> Iterator[tuple[str, str]]:
    """Every place of the map that names a column, with the column."""
    errors = {name: details.stderr for name, details in table_map.eval_details.items()}
    places: dict[str, object] = {
        **{f"fields.{name}": header for name, header in table_map.fields.items()},
        **{f"metrics.{name}": header for name, header in table_map.metrics.items()},
        **{f"evals.{name}": header for name, header in table_map.evals.items()},
        **{f"eval_details.{name}.stderr": header for name, header in errors.items()},
        **{key: getattr(table_map, key) for key in ("step", "metric_name", "metric_value")},
        **{key: getattr(table_map, key) for key in ("config", "measured", "ignore")},
    }
    for place, headers in places.items():
        for header in headers if isinstance(headers, list) else [headers]:
            if header is not None:
                yield place, str(header)


def map_to_yaml(table_map: TableMap) -> str:
    """Returns the map as YAML that `parse_map` reads back to the same map; what says nothing is left out."""
    values = table_map.model_dump(exclude_defaults=True)
    return "".join(_entry(key, value, 0) for key, value in values.items()) or "{}\n"


def _entry(key: str, value: object, depth: int) -> str:
    start = f"{'  ' * depth}{_scalar(key)}:"
    if isinstance(value, Mapping):
        return start + "\n" + "".join(_entry(str(name), item, depth + 1) for name, item in value.items())
    if isinstance(value, list):
        return f"{start} [{', '.join(_scalar(item) for item in value)}]\n"
    return f"{start} {_scalar(value)}\n"


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    bare = _BARE.fullmatch(value) and value.isascii() and not _NOT_BARE.fullmatch(value)
    return value if bare else f'"{"".join(_escaped(character) for character in value)}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
