"""What people say of runs and sweeps (tags, notes, stars), and the views that they save: one value per annotation.

Every act is a row of its own that is never changed. The newest act on an annotation says whether it holds, so two
people who write at once lose nothing: what they say is either the same annotation or two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

SubjectKind = Literal["run", "sweep", "view"]
Kind = Literal["tag", "note", "star", "query"]


class Subject(NamedTuple):
    """What is annotated: a run or a sweep by its id, a saved view by its name."""

    kind: SubjectKind
    subject_id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class Author(NamedTuple):
    """Who annotates: a name for people, who that is for ever, and how they ask."""

    name: str
    author_id: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing said, as its newest act left it; the fields are those of the table `annotations`.

    Attributes:
        annotation_id: What it is, as `annotation_id_of`.
        subject: What it is said of.
        kind: `tag`, `note`, `star`, or `query` of a view.
        text: The tag, the note, the view's page with its filters; empty for a star.
        author: Name of whoever said it, or took it back.
        author_id: Who that is.
        via: `command line` or `dashboard`.
        active: False once it was taken back.
        seq: Order of acts.
        created_at: When it was said or taken back; None before it is stored.
    """

    annotation_id: str
    subject: Subject
    kind: Kind
    text: str
    author: str
    author_id: str
    via: str | None = None
    active: bool = True
    seq: int = 0
    created_at: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> Annotation:
        """Of a row of the table."""
        created_at, via = row["created_at"], row["via"]
        return cls(
            annotation_id=str(row["annotation_id"]),
            subject=Subject(cast(SubjectKind, row["subject_kind"]), str(row["subject_id"])),
            kind=cast(Kind, row["kind"]),
            text=str(row["text"]),
            author=str(row["author"]),
            author_id=str(row["author_id"]),
            via=None if via is None else str(via),
            active=bool(row["active"]),
            seq=int(str(row["seq"])),
            created_at=created_at if isinstance(created_at, datetime) else None,
        )

    def to_row(self) -> dict[str, object]:
        """Row of the table `annotations`, but for what the store fills in."""
        names = ("annotation_id", "kind", "text", "author", "author_id", "via", "active", "seq")
        about = {"subject_kind": self.subject.kind, "subject_id": self.subject.subject_id}
        return about | {name: getattr(self, name) for name in names}


def annotation_id_of(subject: Subject, kind: Kind, text: str, author_id: str) -> str:
    """Follows from what is said, and of a note from who says it: a note stands beside what others write."""
    said = [*subject, kind, text, author_id if kind == "note" else None]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]
