"""Shapes of secrets in any text, and the cheap signs that one may be there."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.S
)
TOKENS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"wandb_v\d_[\w-]{20,}|hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?|eyJhcGlfYWRkcmVzcyI6[\w+/=-]{16,}|AIza[\w-]{35}"
    r"|(?:sk|rk)_live_\w{16,}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|gsk_[A-Za-z0-9]{20,}|tml-[A-Za-z0-9]{20,}"
    r")"
)
"""W&B, Hugging Face, GitHub, GitLab, AWS, Slack, JWT, Neptune, Google, Stripe, npm, PyPI, Groq and Tinker."""
SK_KEY: Final = re.compile(r"(?<![A-Za-z0-9_-])sk-[\w-]{16,}")
"""OpenAI, Anthropic and others who begin alike; also words, so it must look made at random."""
HEX_KEY: Final = re.compile(r"(?<![\w/@#.\-])(?:local-)?[0-9a-f]{40}(?![\w/\-])")
"""An old W&B key, also of a server of one's own. A commit hash looks the same: parts of paths, of addresses and what
follows a word such as `commit` are none."""
HASH_BEFORE: Final = re.compile(
    r"(?i)(?:commit|checkout|sha|head|rev(?:ision)?|hash|digest|ref|etag|tree|id)\W{0,6}(?:\w{1,8}\W{1,3}){0,3}$"
)
SCHEME: Final = re.compile(
    r"(?i)(?<![\w-])(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?)?(bearer|basic|token)(\s{1,3})([\w.~+/=-]{8,})"
)
PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^\s/@:\"'?#]{0,200}:)([^\s/@\"']{1,500})(?=@)")
USER_IN_URL: Final = re.compile(r"(?<=://)([^\s/@:\"'?#]{16,500})(?=@)")
WEBHOOK: Final = re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)([\w/-]{8,})")
LOGIN: Final = re.compile(r"(wandb login(?:\s+--\S+){0,4}\s+)([\w-]{40,})")

NAME_SIGNS: Final = ("key", "token", "secret", "pass", "pwd", "cred", "auth", "sig", "bearer", "_pat")
"""A name of a secret holds one of these."""


class Signs(NamedTuple):
    """What a text in small letters must hold before a pattern is tried."""

    tokens: tuple[str, ...] = (
        "wandb_v", "hf_", "api_org_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "akia", "asia",
        "xox", "eyj", "aiza", "_live_", "npm_", "pypi-", "gsk_", "tml-",
    )  # fmt: skip
    others: tuple[str, ...] = ("sk-", "://", "-----begin", "basic", "wandb login", "hooks", "webhooks")


SIGNS: Final = Signs()
_HEX: Final = re.compile("[0-9a-f]{40}")
_ALL_SIGNS: Final = (*NAME_SIGNS, *SIGNS.tokens, *SIGNS.others)
MAY_HOLD: Final = "(?i)" + "|".join([*map(re.escape, _ALL_SIGNS), _HEX.pattern]).replace(r"\ ", " ")
"""A text without any of these holds no secret that the rules know by shape; a regular expression for Arrow."""


def may_hold(text: str, small: str) -> bool:
    """The same for one text and its small letters, where single searches are many times faster than one expression."""
    return any(sign in small for sign in _ALL_SIGNS) or _HEX.search(text) is not None
