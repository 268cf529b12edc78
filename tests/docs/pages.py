"""The documentation as tests read it: its pages, their fenced blocks, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of one language, in order."""
    return [content for found, content in _FENCE.findall(text) if found == language]


def links(text: str) -> Iterator[str]:
    """Targets of links and pictures outside code."""
    bare = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    yield from re.findall(r"\]\(([^()\s]+)\)", bare)


def anchors(text: str) -> set[str]:
    """What a link after # can name: headings, as GitHub writes their anchors."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}
