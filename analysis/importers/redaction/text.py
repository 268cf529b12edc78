"""Takes secrets out of one text, and counts them."""

from __future__ import annotations

import re
from typing import Final

from analysis.importers.redaction import shapes
from analysis.importers.redaction.assigned import clean_assigned
from analysis.importers.redaction.names import is_mask, looks_random, names_hash

MARKER: Final = "[redacted]"


class TextCleaner:
    """Replaces secrets in texts by the marker.

    Attributes:
        n_redacted: How many so far.
    """

    def __init__(self) -> None:
        self.n_redacted = 0

    def clean(self, text: str, names: tuple[str, ...] = ()) -> str:
        """The text without secrets; `names` are the nested names that it stands under."""
        small = text.lower()
        if not shapes.may_hold(text, small):
            return text
        text = self._clean_shapes(text, small)
        if any(sign in small for sign in shapes.NAME_SIGNS):
            text = clean_assigned(text, self.hide)
        return text if names_hash(names) else shapes.HEX_KEY.sub(self._hex, text)

    def hide(self) -> str:
        """The marker, counted."""
        self.n_redacted += 1
        return MARKER

    def _clean_shapes(self, text: str, small: str) -> str:
        if "-----begin" in small:
            text = shapes.PRIVATE_KEY.sub(self._whole, text)
        if "://" in small:
            text = shapes.PASSWORD_IN_URL.sub(self._password, text)
            text = shapes.USER_IN_URL.sub(self._if_random, text)
        if "hooks" in small:
            text = shapes.WEBHOOK.sub(self._second, text)
        if any(sign in small for sign in shapes.SIGNS.tokens):
            text = shapes.TOKENS.sub(self._whole, text)
        if "sk-" in small:
            text = shapes.SK_KEY.sub(self._if_random, text)
        if any(scheme in small for scheme in ("bearer", "basic", "token")):
            text = shapes.SCHEME.sub(self._scheme, text)
        return shapes.LOGIN.sub(self._second, text) if "wandb login" in small else text

    def _whole(self, _found: re.Match[str]) -> str:
        return self.hide()

    def _second(self, found: re.Match[str]) -> str:
        return found[1] + self.hide()

    def _if_random(self, found: re.Match[str]) -> str:
        return self.hide() if looks_random(found[0]) else found[0]

    def _password(self, found: re.Match[str]) -> str:
        return found[0] if is_mask(found[2]) else found[1] + self.hide()

    def _scheme(self, found: re.Match[str]) -> str:
        header, scheme, blanks, value = found.groups()
        if header is None and not looks_random(value):
            return found[0]
        return f"{header or ''}{scheme}{blanks}{self.hide()}"

    def _hex(self, found: re.Match[str]) -> str:
        before = found.string[max(0, found.start() - 40) : found.start()]
        is_mixed = re.search("[a-f]", found[0]) and re.search("[0-9]", found[0])
        return self.hide() if is_mixed and not shapes.HASH_BEFORE.search(before) else found[0]
