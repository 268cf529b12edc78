"""Which names hold secrets, told by their words: `hub_token` does, `num_tokens` and `pad_token` do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

from analysis.importers.table.words import words_of

Holds = Literal["secret", "perhaps", "nothing"]
"""`secret`: every text under the name is one. `perhaps`: a text that looks made at random is one."""

_SECRET_WORDS: Final = frozenset(
    {"accesskey", "accesstoken", "apikey", "apikeys", "apitoken", "auth", "authkey", "authorization", "authtoken",
     "bearer", "clientsecret", "cred", "credential", "credentials", "creds", "passphrase", "passwd", "password",
     "passwords", "privatekey", "pwd", "secret", "secretkey", "secrets"}
)  # fmt: skip
"""The last word of a name that is one of these: what stands there is secret."""
_GLUED: Final = re.compile(r"passw|passphrase|apikey|apitoken|authtoken|secretkey|accesskey")
"""The same inside a last word that is written together: `pgpassword`."""
_OWNERS: Final = frozenset(
    {"access", "account", "admin", "anthropic", "api", "app", "auth", "aws", "azure", "bot", "client", "cohere",
     "comet", "csrf", "deploy", "encryption", "gcp", "gh", "git", "github", "gitlab", "google", "hf", "hub",
     "huggingface", "id", "jwt", "license", "login", "mistral", "mlflow", "modal", "neptune", "ngrok", "oauth",
     "openai", "personal", "pgp", "private", "push", "refresh", "replicate", "s3", "sas", "secret", "security",
     "service", "session", "signing", "slack", "ssh", "storage", "subscription", "swanlab", "telegram", "tinker",
     "together", "wandb", "webhook", "xsrf"}
)  # fmt: skip
"""Before `key` or `token`: whose it is."""
_NUMBERS_TOO: Final = frozenset({"passphrase", "passwd", "password", "pwd"})
_PASS_OWNERS: Final = frozenset(
    {"admin", "db", "email", "ftp", "http", "mail", "mysql", "pg", "postgres", "proxy", "redis", "root", "smtp", "ssh",
     "sudo", "user"}
)  # fmt: skip
_KEYS: Final = frozenset({"key", "keys", "pat", "token", "tokens"})
_NO_OWNERS: Final = frozenset(
    {"cache", "column", "data", "dataset", "dedup", "foreign", "group", "hash", "image", "index", "input", "join",
     "label", "metric", "object", "output", "partition", "primary", "prng", "prompt", "response", "rng", "row",
     "shuffle", "sort", "state", "text", "trial"}
)  # fmt: skip
"""Before `key`: it finds or orders something."""
_HASH_WORDS: Final = frozenset(
    {"branch", "checksum", "commit", "commits", "digest", "etag", "fingerprint", "git", "hash", "head", "id", "ids",
     "md5", "oid", "ref", "rev", "revision", "sha", "sha1", "sha256", "snapshot", "tree", "uid", "uuid", "version"}
)  # fmt: skip
"""Under a name with one of these, 40 hexadecimal digits are a commit or a digest, not a key."""


@lru_cache(maxsize=8192)
def what_holds(name: str) -> Holds:
    """What is to be expected under a name."""
    words = words_of(name[:200])
    if not words:
        return "nothing"
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _SECRET_WORDS or _GLUED.search(last) or (last == "pass" and before in _PASS_OWNERS):
        return "secret"
    if last in _KEYS:
        if before in _OWNERS:
            return "secret"
        return "perhaps" if last in ("key", "token") and before not in _NO_OWNERS else "nothing"
    return "perhaps" if before in _SECRET_WORDS and last not in _ABOUT else "nothing"


_ABOUT: Final = frozenset(
    {"coef", "count", "dim", "dir", "env", "file", "id", "len", "length", "max", "method", "min", "mode", "name",
     "path", "policy", "provider", "ratio", "scheme", "size", "sock", "type", "url", "user", "username", "var",
     "variable"}
)  # fmt: skip
"""Last words that say something about a secret without giving it: `api_key_env`, `password_length`."""


def may_be_number(name: str) -> bool:
    """Whether even a whole number under a name is secret: a password, but no count of tokens."""
    return bool(_NUMBERS_TOO.intersection(words_of(name[:200])[-1:]))


def names_hash(names: Sequence[str]) -> bool:
    """Whether a value under these nested names is expected to be a commit or a digest."""
    return any(word in _HASH_WORDS for name in names for word in words_of(name[:200]))


_RANDOM: Final = re.compile(r"[A-Za-z0-9+=_][A-Za-z0-9+/=_.~\-]{15,}")
_CHANGES: Final = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


def looks_random(text: str) -> bool:
    """Whether a text looks made at random: long, without blanks, letters and digits in turn.

    Four changes between letters and digits are our choice: dates, versions and names of models have fewer.

    >>> looks_random("9f8e7d6c5b4a39281706"), looks_random("user_id_2023_partition")
    (True, False)
    """
    return _RANDOM.fullmatch(text) is not None and len(_CHANGES.findall(text)) >= 4


_MASKS: Final = re.compile(
    r"\s*((?:(?:bearer|basic|token)\s+)?\[redacted\].*|<[^<>]*>|\*+|x{3,}|\.{3}|\$\{?[A-Za-z_].*|%[A-Za-z_]+%|none|null|nan|true|false|yes|no)?\s*",
    re.IGNORECASE | re.DOTALL,
)


def is_mask(text: str) -> bool:
    """Whether a text stands in the place of a secret, or says that there is none: `<HUB_TOKEN>`, `***`, `${KEY}`."""
    return _MASKS.fullmatch(text) is not None
