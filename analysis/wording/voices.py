"""How a sentence about results speaks: as plain text, or as Markdown in which no name can do anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])")
_GFM: Final = re.compile(r"([\\`*_\[\]<>&|~$#])")
_STARTS_A_BLOCK: Final = re.compile(r"^(\d*)([-+=.)])")
"""What would start a list, a numbered one, or a rule at the start of a line."""
_RECOGNISED: Final = re.compile(r"(?<=:)(?=[/\w])|(?<=www)(?=\.)|(?=@)")
"""Where web addresses and `:icon:` names are recognised even when every special character is escaped."""
_LINKED: Final = re.compile(r"(?<=:)(?=//|[\w+-]*[a-z][\w+-]*:|100:|1234:)|(?<=www)(?=\.)|(?=@)")
"""Where GitHub recognises addresses, `:smile:` and people; a time such as 12:30 is none of them."""
_WORD_JOINER: Final = "\u2060"


def md_escape(text: object) -> str:
    r"""The text with every character made harmless that Markdown or Streamlit's directives give a meaning to.

    Addresses and icon names are recognised after escapes have been read, so an invisible character breaks them.

    >>> print(md_escape("a_b [x] $y$"))
    a\_b \[x\] \$y\$
    """
    return _MARKDOWN.sub(r"\\\1", _RECOGNISED.sub(_WORD_JOINER, " ".join(str(text).split())))


def gfm_escape(text: object) -> str:
    r"""The text made harmless for GitHub's Markdown, escaped only where a character has a meaning, so that it reads.

    >>> print(gfm_escape("a_b [x](y) | 3.5e-4")), print(gfm_escape("- 1"))
    a\_b \[x\](y) \| 3.5e-4
    \- 1
    (None, None)
    """
    escaped = _GFM.sub(r"\\\1", _LINKED.sub(_WORD_JOINER, " ".join(str(text).split())))
    return _STARTS_A_BLOCK.sub(r"\1\\\2", escaped)


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to write a sentence.

    Attributes:
        plain: Makes text from outside stand in it as it is.
        strong: Marks the words that matter most.
    """

    plain: Callable[[object], str]
    strong: Callable[[str], str]


PLAIN: Final = Voice(str, str)
MARKDOWN: Final = Voice(md_escape, lambda text: f"**{text}**")
