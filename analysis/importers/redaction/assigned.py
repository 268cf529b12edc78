"""Secrets by the name in front of them, inside a text: `api_key=...`, `"password": "..."`, `--hub-token ...`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from analysis.importers.redaction.names import is_mask, looks_random, what_holds
from analysis.importers.redaction.shapes import NAME_SIGNS

_SIGN: Final = re.compile(r"[:=]\s{0,3}")
_NAME_BACKWARDS: Final = re.compile(r"\s{0,3}[\"']?\\?([\w.\-]{1,100})(?![\w.\-])")
_VALUE: Final = re.compile(
    r"\\\"(?:(?!\\\").){1,500}\\\"|\"(?:[^\"\\\n]|\\.){1,500}\"|'(?:[^'\\\n]|\\.){1,500}'|[^\s\"'\\,;&#]{1,500}"
)
"""A text in quotes (those of JSON inside JSON too), or a word."""
_FLAG: Final = re.compile(rf"(?<![\w.\-])--?([A-Za-z][\w.\-]{{0,100}})\s{{1,3}}(?!-)({_VALUE.pattern})")
_QUERY: Final = re.compile(r"(?<=[?&;])([\w.\-]{1,60})=([^\s&;#\"'\\]{1,2000})")
_SIGNATURES: Final = frozenset({"sig", "signature", "token", "key", "x-amz-signature", "x-amz-credential"})
"""Names in a URL's query under which everything is secret, however it looks."""
_SCHEMES: Final = frozenset({"bearer", "basic", "token"})
_LONGEST_NAME: Final = 106

Hide = Callable[[], str]


def clean_assigned(text: str, hide: Hide) -> str:
    """The text with the values of secret names replaced; `hide` gives the marker, once for each."""
    text = _QUERY.sub(lambda found: _without(found, 2, hide) if _is_asked(found[1], found[2]) else found[0], text)
    text = _clean_pairs(text, hide)
    return _FLAG.sub(lambda found: _without(found, 2, hide) if _is_secret(found[1], found[2]) else found[0], text)


def _clean_pairs(text: str, hide: Hide) -> str:
    """Looks at every `:` and `=` from there back to its name, which is faster than looking for names."""
    parts: list[str] = []
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        name = _name_before(text, sign.start())
        value = _VALUE.match(text, sign.end()) if name else None
        if value is not None and _is_secret(name, value[0]):
            parts += [text[done : sign.end()], _hidden(value[0], hide)]
            done = value.end()
    return "".join([*parts, text[done:]])


def _name_before(text: str, end: int) -> str:
    """The name of a secret that ends there, or nothing."""
    found = _NAME_BACKWARDS.match(text[max(0, end - _LONGEST_NAME) : end][::-1])
    name = found[1][::-1] if found else ""
    return name if any(sign in name.lower() for sign in NAME_SIGNS) else ""


def _without(found: re.Match[str], group: int, hide: Hide) -> str:
    start = found.start(group) - found.start()
    return found[0][:start] + _hidden(found[group], hide)


def _hidden(value: str, hide: Hide) -> str:
    quote = "\\" + value[1] if value.startswith("\\") else value[0] if value[0] in "\"'" else ""
    return f"{quote}{hide()}{quote}"


def _is_asked(name: str, value: str) -> bool:
    return _is_secret(name, value) or (name.lower() in _SIGNATURES and not is_mask(value))


def _is_secret(name: str, value: str) -> bool:
    plain = value.strip("\"'\\")
    if is_mask(plain) or plain.lower() in _SCHEMES:
        return False
    holds = what_holds(name)
    return holds == "secret" or (holds == "perhaps" and looks_random(plain))
