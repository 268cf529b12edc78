"""Persons as the authors of annotations."""

from __future__ import annotations

from analysis.store.annotations import Author
from runner.access.person import Person


def author_of(person: Person) -> Author:
    """How a person stands beside what they say; one without a name by who they are."""
    return Author(person.name.strip() or person.user_id, person.user_id, person.via)
