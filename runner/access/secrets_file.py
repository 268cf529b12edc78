"""The two secrets of a sign-in: what the provider knows this dashboard by, and what signs the browser's cookies."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError

LEAST_COOKIE_SECRET: Final = 32
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
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"others may read or write the secrets file {str(path)!r}; run chmod 600 on it")
            values = tomllib.loads(opened.read(_MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"sign_in.secrets_file {str(path)!r} cannot be read ({error.strerror}); `ucurve site init` writes one"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the secrets file {str(path)!r} is not TOML") from error  # its text stays unsaid
    cookie_secret = _text(values, "cookie_secret", path)
    if len(cookie_secret.encode()) < LEAST_COOKIE_SECRET:
        raise ConfigError(
            f"cookie_secret in {str(path)!r} is {len(cookie_secret.encode())} bytes long, and "
            f"{LEAST_COOKIE_SECRET} are needed; `python -c 'import secrets; print(secrets.token_hex(32))'` makes one"
        )
    return SignInSecrets(client_secret=_text(values, "client_secret", path), cookie_secret=cookie_secret)


def _text(values: dict[str, object], key: str, path: Path) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{key} is missing in the secrets file {str(path)!r}")
    return value
