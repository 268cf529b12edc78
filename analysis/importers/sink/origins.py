"""What a run's provenance notes about where it was imported from, under the key `import`; keys and marks as digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from analysis.importers.result import Verdict
from analysis.importers.source_run import SourceRun

NOTED_UNDER: Final = "import"
"""Key of `provenance_json`: `{content_from, origins: {key: {label, kind, verdict, rows, face}}, marks}`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One place that tells of a run.

    Attributes:
        kind: Kind of source.
        label: The place.
        verdict: How much arrived from there.
        rows: Logged rows there.
        face: Digest of name, group, tags and notes as they were there.
    """

    kind: str
    label: str
    verdict: Verdict
    rows: int
    face: str

    @property
    def trust(self) -> tuple[bool, int]:
        """Whose content counts: what is complete, then what is more."""
        return self.verdict == "complete", self.rows


@dataclass(frozen=True, slots=True)
class Origins:
    """All places that tell of a run.

    Attributes:
        content_from: Key of the one whose content the store has.
        origins: By key.
        marks: Proofs that another source is this run too.
    """

    content_from: str
    origins: Mapping[str, Origin] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()

    @property
    def content(self) -> Origin:
        """The origin of the content."""
        return self.origins[self.content_from]

    def with_run(self, run: SourceRun, *, content: bool) -> Origins:
        """With what a run tells; `content`: the store takes its content."""
        key = key_digest(run)
        return Origins(
            key if content else self.content_from,
            {**self.origins, key: origin_of(run)},
            self.marks | mark_digests(run),
        )

    def to_json(self) -> dict[str, object]:
        """What is noted."""
        origins = {key: asdict(origin) for key, origin in sorted(self.origins.items())}
        return {"content_from": self.content_from, "origins": origins, "marks": sorted(self.marks)}


def read_origins(noted: object) -> Origins | None:
    """What a provenance notes under `NOTED_UNDER`; None where nothing, or nothing that can be understood, is."""
    try:
        content = json.loads(noted) if isinstance(noted, str) else noted
        if not isinstance(content, dict):
            return None
        origins = {str(key): Origin(**origin) for key, origin in content["origins"].items()}
        found = Origins(str(content["content_from"]), origins, frozenset(map(str, content["marks"])))
        return found if found.content_from in origins else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def key_digest(run: SourceRun) -> str:
    """32 hexadecimal digits that name a run at its source; a key may hold an address that should not be shown."""
    return _digest([run.kind, *run.key])


def mark_digests(run: SourceRun) -> frozenset[str]:
    """The same for its marks."""
    return frozenset(_digest(["mark", mark]) for mark in run.marks)


def origin_of(run: SourceRun) -> Origin:
    """What is noted of a run's place."""
    return Origin(run.kind, run.label, run.verdict, run.rows_got, face_digest(run))


def face_digest(run: SourceRun) -> str:
    """16 hexadecimal digits of what people edit after a run is over."""
    return _digest([run.name, run.group, list(run.tags), run.notes_text])[:16]


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
