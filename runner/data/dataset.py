"""A data set as training sees it: two lists of examples that share nothing, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from runner.data.examples import Example, Kind, content_hash


@dataclass(frozen=True)
class Dataset:
    """Training and held-out examples, each in the order of their content hash."""

    name: str
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    """What loading decided or left out, in sentences, e.g. why a format was chosen."""

    @property
    def kind(self) -> Kind:
        """`chat` or `text`; a data set is one of the two throughout."""
        return self.train[0].kind

    @cached_property
    def digest(self) -> str:
        """16 hex digits over the ids of both parts: equal data, equal digest, wherever the file lies."""
        return content_hash([[example.id for example in part] for part in (self.train, self.held_out)])[:16]

    def evaluation_examples(self, max_examples: int) -> tuple[Example, ...]:
        """Returns the held-out examples that are measured: the first by content hash."""
        return self.held_out[:max_examples]

    def eval_set_id(self, max_examples: int) -> str:
        """Returns the identity of the measured examples; losses are comparable only where it is equal."""
        ids = [example.id for example in self.evaluation_examples(max_examples)]
        return f"{self.name}-{content_hash(ids)[:12]}"
