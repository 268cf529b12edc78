"""One training example, whatever the format it came in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["chat", "text"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True)
class Example:
    """A prompt and what should follow it; plain text has no prompt.

    The loss on the response is the loss on `completion`; earlier assistant turns in the prompt are context.
    """

    prompt: tuple[Message, ...]
    completion: str
    label: str = ""
    """What kind of task it is, for tables by skill; not part of the identity."""

    @property
    def kind(self) -> Kind:
        """`chat` is rendered with the model's chat template, `text` is used as it stands."""
        return "chat" if self.prompt else "text"

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation, the completion as its last turn; empty for plain text."""
        return (*self.prompt, Message("assistant", self.completion)) if self.prompt else ()

    @cached_property
    def id(self) -> str:
        """16 hex digits of the content's hash: equal examples have equal ids."""
        return content_hash([_turns(self.prompt), self.completion])[:16]

    @cached_property
    def question_id(self) -> str:
        """16 hex digits of the prompt's hash, of plain text those of the text: examples that must not be separated."""
        return content_hash(_turns(self.prompt))[:16] if self.prompt else self.id


def _turns(messages: tuple[Message, ...]) -> list[list[str]]:
    return [[message.role, message.content] for message in messages]


def content_hash(content: object) -> str:
    """Returns the sha256 of JSON-able content as 64 hex digits."""
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def chat_example(user: str, completion: str, *, system: str = "", label: str = "") -> Example:
    """Returns a chat example of one question and its answer."""
    prompt = (Message("user", user),)
    return Example((Message("system", system), *prompt) if system else prompt, completion, label)
