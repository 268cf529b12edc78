"""What a source has to be able to do: find its runs at a place, and read one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from analysis.importers.source_run import Refusal, SourceRun

Progress: TypeAlias = Callable[[int], None]
"""Called now and then with the rows of an item that were read so far. Also a sign of life: who reads for long without
a call is taken for hanging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be imported.

    Attributes:
        targets: Paths, or for a server its addresses or projects, as the user wrote them.
        options: Further settings of the source by name, such as `base_url`; a source names those it knows.
        now: Seconds since 1970: what tells a run that is still going from one that was left.
    """

    targets: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to read: usually one run, or a file or database that holds several.

    Attributes:
        kind: The source's kind.
        label: What it is for people; also names it in the table of imports, so it must be stable.
        digest: Cheap to get, and other whenever anything about the item changed (sizes and times of its files, or what
            a server's list says). An item with the digest of its last complete import is not read again.
        locator: What `read` needs to find it again, as plain text: it travels to another process.
        folder: For files: the folder that is this one run's own (an output folder). What lies inside it is the same
            run in another form, so that `auto` imports it once.
        n_rows: Rows it is expected to have, for a progress bar; None where finding out would cost.
    """

    kind: str
    label: str
    digest: str
    locator: Mapping[str, str]
    folder: Path | None = None
    n_rows: int | None = None


class Source(Protocol):
    """One kind of source. It has no state of its own; both methods run in the reading process.

    Neither method raises for what it finds: what cannot be read is a `Refusal`, what is damaged has its verdict. Only
    what the user asked for wrongly (no such path, no such project) raises `ConfigError`.
    """

    kind: str

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """What of this kind there is at the targets, in a stable order, each thing once."""
        ...

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The runs of one item. Files are only ever opened for reading."""
        ...
