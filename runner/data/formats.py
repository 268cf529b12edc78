"""What a row means: conversations, prompt and completion, alpaca, or plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.data.examples import Example, Message
from runner.data.rows import Row
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

ROLES = ("system", "user", "assistant")
ROWS_LISTED = 5
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowFormat:
    """A named way to read a row; `needs` are the columns that tell it apart, `optional` those it also reads."""

    name: str
    needs: tuple[str, ...]
    read: Callable[[Values], Example]
    optional: tuple[str, ...] = ()


class _BadRow(Exception):
    """Why a row is no example."""


def row_formats(section: DatasetSection) -> tuple[RowFormat, ...]:
    """Returns the formats in the order in which `auto` tries them, for the section's column names."""
    messages, text = section.messages_column, section.text_column
    prompt, completion = section.prompt_column, section.completion_column
    return (
        RowFormat("messages", (messages,), lambda row: _from_messages(row.get(messages))),
        RowFormat("prompt_completion", (prompt, completion), lambda row: _from_pair(row, prompt, completion)),
        RowFormat("alpaca", ("instruction", "output"), _from_alpaca, ("input", "system")),
        RowFormat("text", (text,), lambda row: Example((), _words(row, text))),
    )


def wanted_columns(section: DatasetSection) -> tuple[str, ...]:
    """Returns every column that some format reads."""
    return tuple(dict.fromkeys(name for one in row_formats(section) for name in (*one.needs, *one.optional)))


def examples_from_rows(rows: Sequence[Row], section: DatasetSection, source: str) -> tuple[list[Example], str]:
    """Returns the examples and a sentence that says which format was taken and why.

    Raises:
        ConfigError: no format fits, or some rows do not: the first of them with place and reason, and how many.
    """
    chosen, reason = _choose(rows, section, source)
    examples: list[Example] = []
    bad: list[str] = []
    for row in rows:
        try:
            examples.append(_read(row, chosen))
        except _BadRow as error:
            bad.append(f"{row.place}: {error}")
    _refuse_bad_rows(bad, source, len(rows), chosen.name)
    return examples, f"{source}: {reason}"


def _choose(rows: Sequence[Row], section: DatasetSection, source: str) -> tuple[RowFormat, str]:
    formats = row_formats(section)
    if section.format != "auto":
        chosen = next(one for one in formats if one.name == section.format)
        return chosen, f"format {chosen.name}, as the sweep file says"
    columns = next((row.values.keys() for row in rows if not row.problem), None)
    if columns is None:
        raise ConfigError(f"{source}: no row can be read; the first is {rows[0].place}: {rows[0].problem}")
    for one in formats:
        if set(one.needs) <= set(columns):
            return one, f"format {one.name}, because the first row has {' and '.join(one.needs)}"
    expected = "; ".join(f"{one.name} has {' and '.join(one.needs)}" for one in formats)
    raise ConfigError(
        f"{source}: no format fits the columns {', '.join(sorted(columns)) or '(none)'} ({expected}); "
        "rename them, or name them under dataset: prompt_column, completion_column, messages_column, text_column"
    )


def _read(row: Row, chosen: RowFormat) -> Example:
    if row.problem:
        raise _BadRow(row.problem)
    missing = [name for name in chosen.needs if row.values.get(name) is None]
    if missing:
        raise _BadRow(f"has no {' and no '.join(missing)}")
    example = chosen.read(row.values)
    try:
        example.id.encode()
        _ = [text.encode() for text in (example.completion, *(message.content for message in example.prompt))]
    except UnicodeEncodeError:
        raise _BadRow("holds half a character (a lone surrogate)") from None
    return example


def _refuse_bad_rows(bad: Sequence[str], source: str, n_rows: int, format_name: str) -> None:
    if not bad:
        return
    listed = "\n".join(f"  {reason}" for reason in bad[:ROWS_LISTED])
    more = f"\n  ... and {len(bad) - ROWS_LISTED} more" if len(bad) > ROWS_LISTED else ""
    count = f"{len(bad)} of {n_rows} rows cannot be read as {format_name}"
    raise ConfigError(f"{source}: {count}; correct or remove them:\n{listed}{more}")


def _words(row: Values, column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str):
        raise _BadRow(f"{column} must be text, got {type(value).__name__}")
    if not value.strip():
        raise _BadRow(f"{column} is empty")
    return value


def _from_alpaca(row: Values) -> Example:
    question = _words(row, "instruction")
    extra, system = row.get("input") or "", row.get("system") or ""
    if not isinstance(extra, str) or not isinstance(system, str):
        raise _BadRow("input and system must be text")
    user = Message("user", f"{question}\n\n{extra}" if extra.strip() else question)
    return Example((Message("system", system), user) if system.strip() else (user,), _words(row, "output"))


def _from_pair(row: Values, prompt: str, completion: str) -> Example:
    answer = row.get(completion)
    if isinstance(answer, list):
        messages = _messages(answer)
        if len(messages) != 1 or messages[0].role != "assistant":
            raise _BadRow(f"{completion} must be text or one assistant message")
        text = messages[0].content
    else:
        text = _words(row, completion)
    question = row.get(prompt)
    turns = _messages(question) if isinstance(question, list) else (Message("user", _words(row, prompt)),)
    return _conversation(turns, text)


def _from_messages(value: object) -> Example:
    messages = _messages(value)
    if not messages or messages[-1].role != "assistant":
        last = f"the last message is from {messages[-1].role}" if messages else "there are no messages"
        raise _BadRow(f"{last}; an assistant's answer must come last")
    return _conversation(messages[:-1], messages[-1].content)


def _conversation(prompt: Sequence[Message], answer: str) -> Example:
    if not any(message.role == "user" for message in prompt):
        raise _BadRow("there is no user message before the answer")
    if not answer.strip():
        raise _BadRow("the answer is empty")
    return Example(tuple(prompt), answer)


def _messages(value: object) -> tuple[Message, ...]:
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
        raise _BadRow(f"must be a list of messages, got {type(value).__name__}")
    return tuple(_message(number, item) for number, item in enumerate(value, start=1))


def _message(number: int, item: object) -> Message:
    if not isinstance(item, Mapping):
        raise _BadRow(f"message {number} must have role and content, got {type(item).__name__}")
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise _BadRow(f"message {number} has the role {role!r}; roles are {', '.join(ROLES)}")
    if not isinstance(content, str):
        raise _BadRow(f"message {number} must have text as its content, got {type(content).__name__}")
    return Message(str(role), content)
