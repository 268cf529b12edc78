"""Every link inside the documentation leads somewhere: to a file that is there, and to a heading that it has."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_map() -> None:
    reached, todo = set(), [DOCS / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        targets = [link.partition("#")[0] for link in links(page.read_text(encoding="utf-8"))]
        todo += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
        todo += [
            each
            for target in targets
            if (page.parent / target).is_dir()
            for each in (page.parent / target).glob("*.md")
        ]
    assert [page for page in PAGES if DOCS in page.parents and page not in reached] == []


def test_links_in_code_are_no_links() -> None:
    assert list(links("[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n![g](h.png)")) == ["b.md", "h.png"]
    assert anchors("# One\n## `ucurve lr-curve`\n## A [link](x.md), and *more*") == {
        "one",
        "ucurve-lr-curve",
        "a-link-and-more",
    }
