"""Changing one key of YAML text and leaving the rest as its writer left it, comments and all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analysis.errors import ConfigError
from analysis.strict_yaml.document import Document, parse_yaml
from analysis.strict_yaml.problems import KeyPath, path_text
from analysis.strict_yaml.write import to_yaml


class Removed:
    """Stands for a key that is to be taken out."""


REMOVED: Final = Removed()


def set_value(text: str, path: tuple[str, ...], value: object) -> str:
    """Returns the text with one key changed, added or taken out; a mapping that loses its last key goes too.

    Only the lines of the key itself are written anew. Where that cannot be done (a mapping on one line, say), the key
    above it is; what comes out always reads back to the wanted values.

    Args:
        text: A document that holds a mapping.
        path: The key, with those above it.
        value: What it is to be, or `REMOVED`.

    Raises:
        ConfigError: the text is no YAML, or a key above is no mapping.
    """
    document = parse_yaml(text, "")
    wanted = _changed(document.value if isinstance(document.value, dict) else {}, path, value)
    if not wanted:
        return ""
    for length in range(len(path), 0, -1):
        draft = _redrawn(text, document, path[:length], wanted)
        if draft is not None and _read(draft) == wanted:
            return draft
    return to_yaml(wanted)


def _changed(values: Mapping[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    key, below = path[0], path[1:]
    if below:
        inside = values.get(key)
        if inside is not None and not isinstance(inside, dict):
            raise ConfigError(f"{path_text(path[:1])} is no mapping; write its long form first")
        value = _changed(inside or {}, below, value) or REMOVED
    if isinstance(value, Removed):
        return {name: item for name, item in values.items() if name != key}
    return {**values, key: value}


def _redrawn(text: str, document: Document, path: tuple[str, ...], wanted: Mapping[str, object]) -> str | None:
    """Returns the text with the lines of one key replaced; None where it has no lines of its own."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    parent: object = wanted
    for key in path[:-1]:
        parent = parent.get(key) if isinstance(parent, dict) else None
    depth = len(path) - 1
    new = to_yaml({path[-1]: parent[path[-1]]}, depth=depth) if isinstance(parent, dict) and path[-1] in parent else ""
    span = _span(lines, document, path)
    if span is None:
        return None
    first, end = span
    indent = _indent(lines, document, path)
    drawn = "".join(indent + line.removeprefix("  " * depth) for line in new.splitlines(keepends=True))
    return "".join([*lines[:first], drawn, *lines[end:]])


def _span(lines: list[str], document: Document, path: KeyPath) -> tuple[int, int] | None:
    """Returns the lines of a key, from and to (0-based, the end excluded); an empty span where it would be added."""
    if path not in document.lines:
        if len(path) == 1:
            return len(lines), len(lines)
        siblings = [other for other in document.lines if other[:-1] == path[:-1]]
        if not siblings or document.lines[siblings[0]] == document.lines[path[:-1]]:
            return None
        last = _span(lines, document, max(siblings, key=lambda other: document.lines[other]))
        return None if last is None else (last[1], last[1])
    first = document.lines[path] - 1
    inside = max(line for other, line in document.lines.items() if other[: len(path)] == path)
    after = [line for other, line in document.lines.items() if other[: len(path)] != path and line > first + 1]
    end = min(after, default=len(lines) + 1) - 1
    while end > inside and _says_nothing(lines[end - 1]):
        end -= 1
    return first, end


def _indent(lines: list[str], document: Document, path: KeyPath) -> str:
    """Returns what stands before a key, or before those beside it where it is not there yet."""
    beside = [path] if path in document.lines else [other for other in document.lines if other[:-1] == path[:-1]]
    line = lines[document.lines[beside[0]] - 1] if beside and len(path) > 1 else ""
    return line[: len(line) - len(line.lstrip(" "))]


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _read(text: str) -> object:
    try:
        return parse_yaml(text, "").value
    except ConfigError:
        return None
