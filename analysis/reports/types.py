"""What a report is made of: sections of blocks, and the facts that a later report is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Facts = Mapping[str, object]
"""JSON: what was looked at and decided, small enough to travel in the report itself."""
Emphasis = Literal["normal", "headline", "warning", "small"]


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph of plain text; no character in it means anything.

    Attributes:
        text: The paragraph; line breaks stay where the reviewer typed them.
        emphasis: How it stands out.
    """

    text: str
    emphasis: Emphasis = "normal"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Short sentences, one a line."""

    items: tuple[str, ...]
    emphasis: Emphasis = "normal"


@dataclass(frozen=True, slots=True)
class Terms:
    """Names with their values: `items` holds (name, value, remark)."""

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy, exactly as they are."""

    text: str
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table; files of it hold every row and digit, readers see the first rows with the digits that matter.

    Attributes:
        name: Name of its file and anchor, unique in the report.
        title: What it shows, as a caption.
        frame: The table; its index means nothing.
        most_rows: Rows that readers see.
        is_folded: Whether an interactive report shows it only when asked.
        only_in_files: Columns that readers do not see.
    """

    name: str
    title: str
    frame: pd.DataFrame
    most_rows: int = 40
    is_folded: bool = False
    only_in_files: tuple[str, ...] = ()

    @property
    def shown(self) -> pd.DataFrame:
        """What readers see of it."""
        hidden = [name for name in self.only_in_files if name in self.frame.columns]
        return self.frame.head(self.most_rows).drop(columns=hidden)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A figure as plotly's JSON, and what makes it one for a dark page.

    Attributes:
        light: `data` and `layout`.
        dark: (path, value) pairs: what is different on a dark page; a path holds keys and positions.
    """

    light: Mapping[str, object]
    dark: Sequence[tuple[Sequence[str | int], object]]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A chart with the table of what it shows.

    Attributes:
        name: Name of its picture and anchor, unique in the report.
        title: What it shows, as a caption.
        alt: The same for those who cannot see it, in a sentence.
        drawing: The chart.
        height: In pixels.
        table: The numbers behind it; None where a table of the section holds them already.
    """

    name: str
    title: str
    alt: str
    drawing: Drawing
    height: int
    table: Table | None = None


Block = Text | Bullets | Terms | Heading | Code | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report: its key (as `--sections` names it), title and blocks."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report, ready to be written down.

    Attributes:
        title: Its title.
        subtitle: What it is about, in one line.
        sections: In reading order.
        facts: What a later report is compared with.
        made_at: When it was made, as ISO text in UTC; the only thing that differs between two reports of the same.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    facts: Facts
    made_at: str

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in reading order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Figure))

    @property
    def tables(self) -> tuple[tuple[str, Table], ...]:
        """(section's key, table): every table, and the one behind every figure, in reading order."""
        found = []
        for section in self.sections:
            for block in section.blocks:
                table = block.table if isinstance(block, Figure) else block
                if isinstance(table, Table):
                    found.append((section.key, table))
        return tuple(found)
