"""One line of a user's benchmark as an item, or the reason why it is none."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Final

from analysis.strict_yaml.problems import shown
from runner.data.examples import Message
from runner.data.formats import ROLES
from runner.evaluation.benchmark import Form, Item
from runner.evaluation.catalogue.identity import make_item
from runner.evaluation.catalogue.rules import Rule

MAX_BYTES: Final = 65_536
"""Of a prompt, and of a line's choices, text or answer together; our choice: above any context in use here."""
MAX_CHOICES: Final = len(string.ascii_uppercase)
Values = Mapping[str, object]


class BadItem(Exception):
    """Why a line is no item."""


def form_of(values: Values) -> Form | None:
    """Returns the form that a line's fields belong to; None where they are of none."""
    forms: dict[str, Form] = {"choices": "choice", "answer": "generation", "text": "text"}
    return next((form for name, form in forms.items() if name in values), None)


def read_item(values: Values, form: Form, rule: Rule | None) -> Item:
    """Returns a line as an item.

    Raises:
        BadItem: why it is none.
    """
    family, unconditional = _optional(values, "family"), _optional(values, "unconditional")
    if form == "choice":
        choices = _choices(values.get("choices"))
        gold = _gold(values.get("gold"), choices)
        prompt = _prompt(values)
        return make_item(prompt, choices=choices, gold=gold, family=family, unconditional=unconditional)
    if form == "text":
        prompt = _prompt(values) if "prompt" in values else ""
        return make_item(prompt, choices=(require_text(values.get("text"), "text"),), family=family)
    return make_item(_prompt(values), answer=_answer(values.get("answer"), rule), family=family)


def _prompt(values: Values) -> tuple[Message, ...] | str:
    prompt = values.get("prompt")
    if not isinstance(prompt, list):
        return require_text(prompt, "prompt")
    messages = tuple(_message(number, turn) for number, turn in enumerate(prompt, start=1))
    if not messages or messages[-1].role != "user":
        raise BadItem("the prompt's last message must be from user")
    _require_size("".join(message.content for message in messages), "prompt")
    return messages


def _message(number: int, turn: object) -> Message:
    if not isinstance(turn, dict) or turn.get("role") not in ROLES:
        raise BadItem(f"message {number} of the prompt must have content and a role: {', '.join(ROLES)}")
    return Message(str(turn["role"]), require_text(turn.get("content"), f"message {number} of the prompt"))


def _choices(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadItem(f"choices must be a list of texts, got {_kind(value)}")
    if not 2 <= len(value) <= MAX_CHOICES:
        count = f"{len(value)} choices" if value else "no choices"
        raise BadItem(f"has {count}; 2 to {MAX_CHOICES} are possible")
    choices = tuple(require_text(choice, f"choice {number}") for number, choice in enumerate(value, start=1))
    stripped = [choice.strip() for choice in choices]
    repeated = next((number for number, choice in enumerate(stripped) if choice in stripped[:number]), None)
    if repeated is not None:
        first = stripped.index(stripped[repeated])
        raise BadItem(f"choices {first + 1} and {repeated + 1} are the same")
    _require_size("".join(choices), "choices")
    return choices


def _gold(value: object, choices: Sequence[str]) -> int:
    """Returns the place of the right choice, given as place from 0 on, as letter or as its text."""
    last = f"{len(choices) - 1}, or {string.ascii_uppercase[len(choices) - 1]}"
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(choices):
            raise BadItem(f"gold {shown(value, 40)} is out of range; the last of {len(choices)} choices is {last}")
        return value
    if not isinstance(value, str):
        raise BadItem(f"gold must be the right choice's number from 0 on, its letter or its text, got {_kind(value)}")
    text = value.strip()
    places = {number for number, choice in enumerate(choices) if choice.strip() == text}
    if len(text) == 1 and text in string.ascii_uppercase[: len(choices)]:
        places.add(string.ascii_uppercase.index(text))
    if len(places) > 1:
        raise BadItem(f"gold {shown(value, 40)} may be a letter or the text of a choice; write the number from 0 on")
    if not places:
        raise BadItem(f"gold {shown(value, 40)} is neither a choice's text nor a letter up to the last, {last}")
    return places.pop()


def _answer(value: object, rule: Rule | None) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(value)
    answer = require_text(value, "answer")
    problem = rule.problem(answer) if rule else ""
    if problem:
        raise BadItem(problem)
    return answer


def _optional(values: Values, name: str) -> str:
    value = values.get(name)
    return "" if value is None or value == "" else require_text(value, name)


def require_text(value: object, name: str) -> str:
    """Returns a value that is a text and not empty, of a possible size.

    Raises:
        BadItem: it is none.
    """
    if not isinstance(value, str):
        raise BadItem(f"has no {name}" if value is None else f"{name} must be text, got {_kind(value)}")
    if not value.strip():
        raise BadItem(f"{name} is empty")
    _require_size(value, name)
    return value


def _require_size(text: str, name: str) -> None:
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise BadItem(f"{name} holds half a character (a lone surrogate)") from None
    if n_bytes > MAX_BYTES:
        raise BadItem(f"{name} has {n_bytes} bytes; at most {MAX_BYTES} are possible")


def _kind(value: object) -> str:
    names = {type(None): "nothing", bool: "true or false", dict: "an object", list: "a list", str: "text"}
    return names.get(type(value), "a number")
