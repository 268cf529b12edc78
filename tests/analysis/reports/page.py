"""An HTML page as a browser reads it: its elements, and what it would run or fetch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "input", "hr"}
_ADDRESSES = {"src", "href", "action", "formaction", "data", "poster", "srcset", "xlink:href"}


@dataclass
class Page(HTMLParser):
    """Every element with its attributes, in order, and the text inside each kind of element."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    def addresses(self) -> list[str]:
        """What the page links to or loads."""
        return [str(value) for _, found in self.elements for name, value in found.items() if name in _ADDRESSES]

    def handlers(self) -> list[str]:
        """Attributes that run something."""
        return [name for _, found in self.elements for name in found if re.match(r"on[a-z]+$", name)]


def read_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == [], f"never closed: {page.open}"
    return page
