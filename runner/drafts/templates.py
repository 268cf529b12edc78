"""The sweep files that the dashboard offers to start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "template_files"


@dataclass(frozen=True, slots=True)
class Template:
    """A sweep file to start from.

    Attributes:
        title: Of a few words.
        about: What it is for, in half a sentence.
        text: The file.
    """

    title: str
    about: str
    text: str


@cache
def read_templates() -> tuple[Template, ...]:
    """Returns the templates in the order of their files; the first line of each says what it is."""
    return tuple(_template(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.yaml")))


def _template(text: str) -> Template:
    title, _, about = text.partition("\n")[0].removeprefix("# ").partition(": ")
    return Template(title, about, text)
