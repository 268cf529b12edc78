"""Lines as text that a tool's parser reads. Whatever a run's names hold, they stay values and comments."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import yaml

from analysis.recipes.sheet import Line

_WIDTH: Final = 110


def write_yaml(header: Sequence[str], lines: Iterable[Line]) -> str:
    """Returns YAML with a comment above every key that has a note, and one in the place of every key that is not there.

    Dotted keys become nested mappings, at the place of their first part.
    """
    blocks: dict[str, tuple[list[str], dict[str, object]]] = {}
    for number, line in enumerate(lines):
        top = f"# {number}" if line.key is None else line.key.split(".")[0]
        notes, mapping = blocks.setdefault(top, ([], {}))
        notes.extend(_note(line))
        if line.key is not None:
            _nest(mapping, line.key.split("."), line.value)
    body = [text for notes, mapping in blocks.values() for text in (*_comments(notes), *_dump(mapping))]
    return "".join(f"{text}\n" for text in (*_comments(header), "", *body))


def write_flags(header: Sequence[str], command: Sequence[str], lines: Iterable[Line], prefix: str = "--") -> str:
    """Returns a shell script of one command with one `--key=value` a line; notes stand above, as comments.

    A list becomes `--key item item`. A text that no command line can hold is left to the user, with a comment.
    """
    arguments: list[str] = []
    notes: list[str] = []
    for line in lines:
        notes.extend(_note(line))
        if line.key is None:
            continue
        words = _words(f"{prefix}{line.key}", line.value)
        if all(word.isprintable() for word in words):
            arguments.append(shlex.join(words))
        else:
            notes.append(f"{line.key}: {line.value!r} does not belong on a command line; give it by hand")
    script = " \\\n  ".join([shlex.join(command), *arguments])
    return "".join(f"{text}\n" for text in (*_comments([*header, *notes]), "", script))


def write_json(lines: Iterable[Line]) -> str:
    """Returns one JSON object of the keys; the format has no comments."""
    return f"{json.dumps({line.key: line.value for line in lines if line.key is not None}, indent=2)}\n"


def write_notes(header: Sequence[str], lines: Iterable[Line]) -> str:
    """Returns the header and the notes as plain text, for formats without comments."""
    notes = [note for line in lines for note in _note(line)]
    return "".join(f"{one_line(text)}\n" for text in [*header, "", *notes])


def one_line(text: str) -> str:
    """Returns text in one line without control characters: they are shown as escapes.

    YAML breaks lines at U+0085, U+2028 and U+2029 as well, and a comment ends with its line.
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _note(line: Line) -> Iterator[str]:
    if line.status == "no_equivalent":
        yield f"! {line.setting} has no equivalent: {line.note}"
    elif line.note:
        yield f"{line.key or line.setting}: {line.note}"


def _comments(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        wrapped = textwrap.wrap(one_line(sentence), _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (f"# {part}" for part in wrapped)


class _Dumper(yaml.SafeDumper):
    """Writes texts so that readers of YAML 1.2 take them for texts as well: `1e-3` is a number to them."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text[:1].isalpha() else '"')


_Dumper.add_representer(str, _represent_text)


def _dump(mapping: dict[str, object]) -> list[str]:
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, width=10_000).split("\n")[:-1] if mapping else []


def _nest(mapping: dict[str, object], path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        inner = mapping.setdefault(part, {})
        assert isinstance(inner, dict), f"{path} is both a value and a mapping"  # noqa: S101 - our own keys
        mapping = inner
    mapping[path[-1]] = list(value) if isinstance(value, tuple) else value


def _words(key: str, value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [key, *(_word(item) for item in value)]
    return [f"{key}={_word(value)}"]


def _word(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)
