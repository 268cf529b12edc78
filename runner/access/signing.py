"""Signatures between the dashboard, the command line and the workers: only who reads the key file can ask for work."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from runner.errors import EnvironmentProblem

_KEY_BYTES: Final = 32


class Signer:
    """Signs and checks with HMAC-SHA256 (RFC 2104) under the key of one file, which is made when it is not there.

    Args:
        key_file: Where the key lies, in a folder that exists.

    Raises:
        EnvironmentProblem: the file cannot be read or made, is too short, or others than its owner may read it.
    """

    def __init__(self, key_file: Path) -> None:
        try:
            self._key = _read_or_make(key_file)
        except OSError as error:
            raise EnvironmentProblem(
                f"the key file {str(key_file)!r} cannot be used ({error.strerror}); "
                f"it must be readable for whoever submits sweeps and whoever trains them"
            ) from error

    def sign(self, payload: bytes) -> str:
        """The signature as 64 hexadecimal digits."""
        return hmac.new(self._key, payload, hashlib.sha256).hexdigest()

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether the signature was made for this payload with this key."""
        return hmac.compare_digest(self.sign(payload).encode(), signature.encode(errors="replace"))


def _read_or_make(key_file: Path) -> bytes:
    if not key_file.exists():
        _make(key_file)
    with key_file.open("rb") as opened:
        mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
        key = opened.read(4096)
    if mode & 0o007:
        raise EnvironmentProblem(
            f"everybody on this machine can read or write the key file {str(key_file)!r} (mode {mode:04o}); "
            f"run chmod 600 on it, or 640 where dashboard and worker are two users of one group"
        )
    if len(key) < _KEY_BYTES:
        raise EnvironmentProblem(
            f"the key file {str(key_file)!r} holds {len(key)} bytes, and {_KEY_BYTES} are needed; "
            f"remove it while no sweep is queued, and the next submission makes a new one"
        )
    return key


def _make(key_file: Path) -> None:
    """Make the file whole or not at all; when two make it at once, one wins and both read the winner's."""
    temporary = key_file.with_name(f"{key_file.name}.{os.getpid()}.{secrets.token_hex(4)}.inprogress")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(secrets.token_bytes(_KEY_BYTES))
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(temporary, key_file)
        except FileExistsError:
            return
        _sync_folder(key_file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
