"""Secrets that are recognised in any text, by their shape or by the name in front of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from analysis.importers.redaction.names import is_mask, looks_random, names_hash, what_holds

MARKER: Final = "[redacted]"

_PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.S
)
_TOKENS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"wandb_v\d_[\w-]{20,}|hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?|eyJhcGlfYWRkcmVzcyI6[\w+/=-]{16,}|AIza[\w-]{35}"
    r"|(?:sk|rk)_live_\w{16,}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|gsk_[A-Za-z0-9]{20,}|tml-[A-Za-z0-9]{20,}"
    r")"
)
_OPENAI: Final = re.compile(r"(?<![A-Za-z0-9_-])sk-[\w-]{16,}")
_HEX: Final = re.compile(r"(?<![\w/@#.\-])(?:local-)?[0-9a-f]{40}(?![\w/\-])")
_SCHEME: Final = re.compile(
    r"(?i)(?<![\w-])(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?)?(bearer|basic|token)(\s{1,3})([\w.~+/=-]{8,})"
)
_USERINFO: Final = re.compile(r"(?<=://)([^\s/@:\"'?#]{0,200}):([^\s/@\"']{1,500})(?=@)")
_USER: Final = re.compile(r"(?<=://)([^\s/@:\"'?#]{16,500})(?=@)")
_WEBHOOK: Final = re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)([\w/-]{8,})")
_NAME: Final = r"[\w.\-]{0,60}(?:key|token|secret|pass|pwd|cred|auth|sig|bearer)[\w.\-]{0,40}"
_VALUE: Final = (
    r"\\\"(?:(?!\\\").){1,500}\\\"|\"(?:[^\"\\\n]|\\.){1,500}\"|'(?:[^'\\\n]|\\.){1,500}'|[^\s\"'\\,;&#]{1,500}"
)
"""A text in quotes (those inside JSON inside JSON too), or a word."""
_ASSIGNED: Final = re.compile(rf"(?i)(?<![\w.])(-{{0,2}}{_NAME})(\\?[\"']?\s{{0,3}}[:=]\s{{0,3}})({_VALUE})")
_QUERY: Final = re.compile(r"(?<=[?&;])([\w.\-]{1,60})(=)([^\s&;#\"'\\]{1,2000})")
_FLAG: Final = re.compile(rf"(?i)(?<![\w.-])(--?{_NAME})(\s{{1,3}})(?!-)({_VALUE})")
_LOGIN: Final = re.compile(r"(wandb login(?:\s+--\S+){0,4}\s+)([\w-]{40,})")
_HASH_BEFORE: Final = re.compile(
    r"(?i)(?:commit|checkout|sha|head|rev(?:ision)?|hash|digest|ref|etag|tree|id)\W{0,6}(?:\w{1,8}\W{1,3}){0,3}$"
)
_SCHEMES: Final = frozenset({"bearer", "basic", "token"})
_SIGNATURES: Final = frozenset({"sig", "signature", "token", "key", "x-amz-signature", "x-amz-credential"})
"""Names in a URL's query under which everything is secret, however it looks."""


MAY_HOLD: Final = (
    r"(?i)key|token|secret|pass|pwd|cred|auth|sig|bearer|basic|wandb|hf_|api_org_|gh[pousr]_|github_pat_|glpat-|AKIA"
    r"|ASIA|xox|eyJ|AIza|_live_|npm_|pypi-|gsk_|tml-|sk-|://|-----BEGIN|[0-9a-f]{40}"
)
"""A text without any of these holds no secret that the rules know by shape; in the syntax of RE2 and of Python."""
_MAY_HOLD_PATTERN: Final = re.compile(MAY_HOLD)

Change = Callable[[re.Match[str]], str]


class TextCleaner:
    """Replaces secrets in texts and counts them."""

    def __init__(self) -> None:
        self.n_redacted = 0

    def clean(self, text: str, names: tuple[str, ...] = ()) -> str:
        """The text without secrets; `names` are the nested names that it stands under."""
        if not _MAY_HOLD_PATTERN.search(text):
            return text
        for pattern, change in self._steps(hashes=names_hash(names)):
            text = pattern.sub(change, text)
        return text

    def _steps(self, *, hashes: bool) -> list[tuple[re.Pattern[str], Change]]:
        steps: list[tuple[re.Pattern[str], Change]] = [
            (_PEM, self._whole),
            (_USERINFO, self._password),
            (_USER, self._user),
            (_WEBHOOK, self._second),
            (_TOKENS, self._whole),
            (_OPENAI, self._if_random),
            (_SCHEME, self._scheme),
            (_LOGIN, self._second),
            (_QUERY, self._asked),
            (_ASSIGNED, self._named),
            (_FLAG, self._named),
        ]
        return steps if hashes else [*steps, (_HEX, self._hex)]

    def hidden(self) -> str:
        """The marker, counted."""
        self.n_redacted += 1
        return MARKER

    def _whole(self, _found: re.Match[str]) -> str:
        return self.hidden()

    def _second(self, found: re.Match[str]) -> str:
        return found[1] + self.hidden()

    def _if_random(self, found: re.Match[str]) -> str:
        return self.hidden() if looks_random(found[0]) else found[0]

    def _password(self, found: re.Match[str]) -> str:
        return found[0] if is_mask(found[2]) else f"{found[1]}:{self.hidden()}"

    def _user(self, found: re.Match[str]) -> str:
        return self.hidden() if looks_random(found[1]) else found[0]

    def _scheme(self, found: re.Match[str]) -> str:
        header, scheme, blanks, value = found.groups()
        if header is None and not looks_random(value):
            return found[0]
        return f"{header or ''}{scheme}{blanks}{self.hidden()}"

    def _hex(self, found: re.Match[str]) -> str:
        before = found.string[max(0, found.start() - 40) : found.start()]
        mixed = re.search("[a-f]", found[0]) and re.search("[0-9]", found[0])
        return self.hidden() if mixed and not _HASH_BEFORE.search(before) else found[0]

    def _named(self, found: re.Match[str]) -> str:
        name, sign, value = found.groups()
        return f"{name}{sign}{self._in_quotes(value)}" if _is_secret(name, value) else found[0]

    def _asked(self, found: re.Match[str]) -> str:
        name, sign, value = found.groups()
        is_secret = _is_secret(name, value) or (name.lower() in _SIGNATURES and not is_mask(value))
        return f"{name}{sign}{self.hidden()}" if is_secret else found[0]

    def _in_quotes(self, value: str) -> str:
        quote = re.match(r"(\\?[\"'])?", value)
        before = quote[0] if quote else ""
        return f"{before}{self.hidden()}{before}"


def _is_secret(name: str, value: str) -> bool:
    plain = value.strip("\"'\\")
    if is_mask(plain) or plain.lower() in _SCHEMES:
        return False
    holds = what_holds(name)
    return holds == "secret" or (holds == "perhaps" and looks_random(plain))
