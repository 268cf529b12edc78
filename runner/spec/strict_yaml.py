"""YAML as people mean it: a small, strict subset with a line number for every key.

PyYAML's `safe_load` reads `1e-4` as text, `no` as False and `012` as ten, lets the last of two equal keys win, and
follows aliases into exponential structures. Here numbers follow YAML 1.2, and everything surprising is an error that
says where and what to write. The parser's events are consumed one by one, so nothing here recurses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import yaml
from yaml import events

from runner.errors import ConfigError
from runner.spec.problems import KeyPath, Problem, shown

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_INT_DIGITS = 18  # everything within fits a signed 64-bit column of the store

_INT = re.compile(r"[-+]?[0-9]+")
_PREFIXED_INT = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Mapping[str, bool | None] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)


@dataclass(frozen=True, slots=True)
class Document:
    """The plain values of one YAML document and the 1-based line of every key and list item."""

    value: Value
    lines: Mapping[KeyPath, int]

    def line_of(self, path: KeyPath) -> int | None:
        """Returns the line of the key, or of the nearest key above it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


class _Mistake(Exception):
    """Carries a problem out of the event loop."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet; `key` is the mapping's key that waits for its value."""

    container: dict[str, Value] | list[Value]
    path: KeyPath
    key: str | None = None

    def next_path(self) -> KeyPath:
        return (*self.path, len(self.container) if isinstance(self.container, list) else str(self.key))


@dataclass(slots=True)
class _Builder:
    """Turns parser events into values."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    root: Value = None
    n_documents: int = 0

    def take(self, event: events.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, events.DocumentStartEvent):
            self.n_documents += 1
            if self.n_documents > 1:
                raise _Mistake(Problem("a second document starts here", "keep one document a file", line=line))
        elif isinstance(event, events.NodeEvent):
            self._refuse_yaml_magic(event, line)
            self._node(event, line)
        elif isinstance(event, events.CollectionEndEvent):
            self.stack.pop()

    def _refuse_yaml_magic(self, event: events.NodeEvent, line: int) -> None:
        path = self.stack[-1].next_path() if self.stack and self.stack[-1].key else ()
        if isinstance(event, events.AliasEvent):
            raise _Mistake(Problem(f"alias '*{event.anchor}' is not supported", "write the value out", path, line))
        if event.anchor is not None:
            raise _Mistake(Problem(f"anchor '&{event.anchor}' is not supported", "write the value out", path, line))
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _Mistake(Problem(f"tag {tag!r} is not supported", "remove it", path, line))

    def _node(self, event: events.NodeEvent, line: int) -> None:
        if self.stack and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None:
            self._key(event, line)
            return
        path = self.stack[-1].next_path() if self.stack else ()
        self.lines.setdefault(path, line)
        if isinstance(event, events.ScalarEvent):
            self._place(_scalar(event, path, line))
            return
        opened: dict[str, Value] | list[Value] = {} if isinstance(event, events.MappingStartEvent) else []
        self._place(opened)
        self.stack.append(_Open(opened, path))
        if len(self.stack) > MAX_DEPTH:
            raise _Mistake(Problem(f"nested more than {MAX_DEPTH} levels deep", "flatten it", path[:3], line))

    def _key(self, event: events.NodeEvent, line: int) -> None:
        parent = self.stack[-1]
        if not isinstance(event, events.ScalarEvent):
            raise _Mistake(Problem("a list or mapping is used as a key", "use a word as the key", parent.path, line))
        key = _scalar(event, parent.path, line)
        if not isinstance(key, str):
            raise _Mistake(Problem(f"key {shown(key)} is not a word", "use a word as the key", parent.path, line))
        parent.key = key
        path = parent.next_path()
        if key in parent.container:
            first = self.lines[path]
            raise _Mistake(Problem(f"this key is already set on line {first}", "keep one of the two", path, line))
        self.lines[path] = line

    def _place(self, value: Value) -> None:
        if not self.stack:
            self.root = value
            return
        parent = self.stack[-1]
        if isinstance(parent.container, list):
            parent.container.append(value)
        else:
            parent.container[str(parent.key)] = value
            parent.key = None


def _scalar(event: events.ScalarEvent, path: KeyPath, line: int) -> Value:
    text = event.value
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Mistake(
            Problem(f"{text!a} holds half a character (a lone surrogate)", "remove it", path, line)
        ) from None
    plain: bool = event.implicit[0]
    return _plain(text, path, line) if plain else text


def _plain(text: str, path: KeyPath, line: int) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _int(text, path, line)
    if _PREFIXED_INT.fullmatch(text):
        return _int(text, path, line, base=0)
    if _NON_FINITE.fullmatch(text):
        raise _Mistake(Problem(f"{text} is not a finite number", "write an ordinary number", path, line))
    if _FLOAT.fullmatch(text):
        return _float(text, path, line)
    return text


def _int(text: str, path: KeyPath, line: int, base: int = 10) -> int:
    digits = text.lstrip("+-")
    if base == 10 and len(digits) > 1 and digits.startswith("0"):
        without = digits.lstrip("0") or "0"
        raise _Mistake(Problem(f"{shown(text)[1:-1]} starts with a zero", f"write {without}", path, line))
    if len(digits) > MAX_INT_DIGITS:
        message = f"{shown(text)[1:-1]} has more than {MAX_INT_DIGITS} digits"
        raise _Mistake(Problem(message, "write a smaller number", path, line))
    return int(text, base)


def _float(text: str, path: KeyPath, line: int) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Mistake(Problem(f"{shown(text)[1:-1]} is too large for a number", "write a smaller number", path, line))
    return number


def _events(text: str) -> Iterator[events.Event]:
    return iter(yaml.parse(text, Loader=yaml.SafeLoader))


def parse_yaml(text: str, file: str) -> Document:
    """Returns the one document in the text.

    Raises:
        ConfigError: naming file and line: syntax errors, duplicate keys, anchors, aliases, tags, a second document,
            more than 20 levels, more than 256 KB, non-finite or huge numbers, keys that are no words, lone surrogates.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(Problem(f"larger than {MAX_BYTES // 1024} KB", "split it").sentence(file))
    builder = _Builder()
    try:
        for event in _events(text):
            builder.take(event)
    except _Mistake as mistake:
        raise ConfigError(mistake.problem.sentence(file)) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(error).sentence(file)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a character or an escape that is no text
        reason = " ".join(str(error).split())
        raise ConfigError(
            Problem(f"cannot be read as text ({reason})", "remove that character").sentence(file)
        ) from error
    return Document(builder.root, builder.lines)


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    reason = error.problem or error.context or "unreadable"
    if "'\\t'" in reason:
        return Problem("a tab is used for indentation", "use spaces", line=line)
    return Problem(f"not valid YAML: {reason}", "check quotes, colons and indentation", line=line)


def read_yaml(path: Path) -> Document:
    """Returns the document in a UTF-8 file.

    Raises:
        ConfigError: when it cannot be read, or as `parse_yaml`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(Problem(f"larger than {MAX_BYTES // 1024} KB", "split it").sentence(str(path)))
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(Problem("not UTF-8 text", "save it as UTF-8").sentence(str(path))) from error
    except OSError as error:
        message = f"cannot be read ({error.strerror or error})"
        raise ConfigError(Problem(message, "give the path of a sweep file").sentence(str(path))) from error
    return parse_yaml(text, str(path))
