"""A mistake in a file the user wrote, and how several of them become one error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import ConfigError

KeyPath = tuple[str | int, ...]
MOST_SHOWN = 20
_PLAIN_KEY = re.compile(r"[\w.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about one value: what is wrong, and what to write instead."""

    message: str
    fix: str = ""
    path: KeyPath = ()
    line: int | None = None

    def sentence(self, file: str) -> str:
        """Returns `file:line: key.path: message; fix`, leaving out what is not known."""
        place = file if self.line is None else f"{file}:{self.line}"
        key = f"{path_text(self.path)}: " if self.path else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{place}: {key}{self.message}{fix}"


def path_text(path: KeyPath) -> str:
    """Returns a key path the way people write it.

    >>> path_text(("axes", "learning_rate", 2))
    'axes.learning_rate[2]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # Quoted where it could break a line or steer a terminal.
            word = part if _PLAIN_KEY.fullmatch(part) else cut(repr(part))
            text += f".{word}" if text else word
    return text


def raise_problems(file: str, problems: Sequence[Problem]) -> None:
    """Raises one ConfigError with a sentence per problem, in the order of the file; returns when there are none."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: problem.line or 0)
    sentences = [problem.sentence(file) for problem in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        sentences.append(f"... and {len(ordered) - MOST_SHOWN} more problems in {file}")
    raise ConfigError("\n".join(sentences))


def shown(value: object, limit: int = 60) -> str:
    """Returns the value as it is quoted in a message, cut to a readable length."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer past Python's digit limit, a structure past its stack
        text = f"<{type(value).__name__}>"
    return cut(text, limit)


def cut(text: str, limit: int = 60) -> str:
    """Returns the text, its end replaced by dots when it is longer than the limit."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
