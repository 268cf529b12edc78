"""The documentation as tests read it: its pages, their fenced blocks, links and headings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of one language, in order, also those inside lists."""
    return [textwrap.dedent(content) for _, found, content in _FENCE.findall(text) if found == language]


def without_blocks(text: str) -> str:
    """The text between its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> Iterator[str]:
    """Targets of links and pictures outside code."""
    bare = re.sub(r"`[^`\n]*`", "", without_blocks(text))
    yield from re.findall(r"\]\(([^()\s]+)\)", bare)


def anchors(text: str) -> set[str]:
    """What a link after # can name: headings, as GitHub writes their anchors."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}
