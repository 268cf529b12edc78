"""YAML as people mean it: a small, strict subset with a line number for every key.

PyYAML's `safe_load` reads `1e-4` as text, `no` as False and `012` as ten, lets the last of two equal keys win, and
follows aliases into exponential structures. Here numbers follow YAML 1.2, and everything surprising is an error that
says where and what to write. The parser's events are consumed one by one, so nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml import events

from analysis.errors import ConfigError
from analysis.strict_yaml.problems import KeyPath, Problem, shown
from analysis.strict_yaml.scalars import Mistake, Value, scalar_value

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 10_000  # our choice: far above any sweep, and read in under a second


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
    n_nodes: int = 0

    def take(self, event: events.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, events.DocumentStartEvent):
            self.n_documents += 1
            if self.n_documents > 1:
                raise Mistake(Problem("a second document starts here", "keep one document a file", line=line))
        elif isinstance(event, events.NodeEvent):
            self.n_nodes += 1
            if self.n_nodes > MAX_NODES:
                raise Mistake(Problem(f"more than {MAX_NODES} keys and values", "use a rule or split it", line=line))
            self._refuse_yaml_magic(event, line)
            self._node(event, line)
        elif isinstance(event, events.CollectionEndEvent):
            self.stack.pop()

    def _refuse_yaml_magic(self, event: events.NodeEvent, line: int) -> None:
        path = self.stack[-1].next_path() if self.stack and self.stack[-1].key else ()
        if isinstance(event, events.AliasEvent):
            raise Mistake(Problem(f"alias '*{event.anchor}' is not supported", "write the value out", path, line))
        if event.anchor is not None:
            raise Mistake(Problem(f"anchor '&{event.anchor}' is not supported", "write the value out", path, line))
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise Mistake(Problem(f"tag {tag!r} is not supported", "remove it", path, line))

    def _node(self, event: events.NodeEvent, line: int) -> None:
        if self.stack and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None:
            self._key(event, line)
            return
        path = self.stack[-1].next_path() if self.stack else ()
        self.lines.setdefault(path, line)
        if isinstance(event, events.ScalarEvent):
            self._place(scalar_value(event.value, path, line, plain=event.implicit[0]))
            return
        opened: dict[str, Value] | list[Value] = {} if isinstance(event, events.MappingStartEvent) else []
        self._place(opened)
        self.stack.append(_Open(opened, path))
        if len(self.stack) > MAX_DEPTH:
            raise Mistake(Problem(f"nested more than {MAX_DEPTH} levels deep", "flatten it", path[:3], line))

    def _key(self, event: events.NodeEvent, line: int) -> None:
        parent = self.stack[-1]
        if not isinstance(event, events.ScalarEvent):
            raise Mistake(Problem("a list or mapping is used as a key", "use a word as the key", parent.path, line))
        key = scalar_value(event.value, parent.path, line, plain=event.implicit[0])
        if not isinstance(key, str):
            raise Mistake(Problem(f"key {shown(key)} is not a word", "use a word as the key", parent.path, line))
        parent.key = key
        path = parent.next_path()
        if key in parent.container:
            first = self.lines[path]
            raise Mistake(Problem(f"this key is already set on line {first}", "keep one of the two", path, line))
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


def _events(text: str) -> Iterator[events.Event]:
    return iter(yaml.parse(text, Loader=yaml.SafeLoader))


def parse_yaml(text: str, file: str) -> Document:
    """Returns the one document in the text.

    Raises:
        ConfigError: naming file and line: syntax errors, duplicate keys, anchors, aliases, tags, a second document,
            more than 20 levels, 10,000 values or 256 KB, non-finite or huge numbers, keys that are no words, lone
            surrogates.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(Problem(f"larger than {MAX_BYTES // 1024} KB", "split it").sentence(file))
    builder = _Builder()
    try:
        for event in _events(text):
            builder.take(event)
    except Mistake as mistake:
        raise ConfigError(mistake.problem.sentence(file)) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(error).sentence(file)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        problem = Problem(f"the character U+{code:04X} is not allowed", "remove it", line=line)
        raise ConfigError(problem.sentence(file)) from error
    except (ValueError, OverflowError) as error:  # an escape such as \\UFFFFFFFF, which PyYAML does not check
        problem = Problem(f"an escape that is no character ({error})", "correct the \\U... in quotes")
        raise ConfigError(problem.sentence(file)) from error
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
        with path.open("rb") as file:  # no more than that: a device or a pipe has no size to ask for
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(Problem(f"larger than {MAX_BYTES // 1024} KB", "split it").sentence(str(path)))
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(Problem("not UTF-8 text", "save it as UTF-8").sentence(str(path))) from error
    except OSError as error:
        message = f"cannot be read ({error.strerror or error})"
        raise ConfigError(Problem(message, "give the path of a YAML file").sentence(str(path))) from error
    return parse_yaml(text, str(path))
