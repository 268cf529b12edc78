"""Secrets in files that only their owner may read: those of the sign-in, and the key that signs alerts."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError

LEAST_COOKIE_SECRET: Final = 32
LEAST_WEBHOOK_KEY: Final = 16
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSecrets:
    """Both secrets; neither is part of what is printed of it."""

    client_secret: str = field(repr=False)
    cookie_secret: str = field(repr=False)


def read_secrets(path: Path) -> SignInSecrets:
    """The secrets of a TOML file that only its owner may read.

    Raises:
        ConfigError: it is missing, others may read it, or a secret is missing or too short.
    """
    values = _read(path, "sign_in.secrets_file")
    cookie_secret = _text(values, "cookie_secret", path)
    if len(cookie_secret.encode()) < LEAST_COOKIE_SECRET:
        raise ConfigError(
            f"cookie_secret in {str(path)!r} is {len(cookie_secret.encode())} bytes long, and "
            f"{LEAST_COOKIE_SECRET} are needed; `python -c 'import secrets; print(secrets.token_hex(32))'` makes one"
        )
    return SignInSecrets(client_secret=_text(values, "client_secret", path), cookie_secret=cookie_secret)


def read_webhook_key(path: Path) -> bytes:
    """The key that signs alerts.

    Raises:
        ConfigError: the file is missing, others may read it, or the key is missing or too short.
    """
    key = _text(_read(path, "alerts.secrets_file"), "webhook_key", path).encode()
    if len(key) < LEAST_WEBHOOK_KEY:
        raise ConfigError(
            f"webhook_key in {str(path)!r} is {len(key)} bytes long, and {LEAST_WEBHOOK_KEY} are needed; "
            f"`python -c 'import secrets; print(secrets.token_hex(32))'` makes one"
        )
    return key


def _read(path: Path, named: str) -> dict[str, object]:
    """The values of a TOML file that nobody but its owner may read; `named` is the key that names it."""
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"others may read or write the secrets file {str(path)!r}; run chmod 600 on it")
            return tomllib.loads(opened.read(_MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{named} {str(path)!r} cannot be read ({error.strerror}); `ucurve site init` writes one"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the secrets file {str(path)!r} is not TOML") from error  # its text stays unsaid


def _text(values: dict[str, object], key: str, path: Path) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{key} is missing in the secrets file {str(path)!r}")
    return value
