"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from runner.errors import EnvironmentProblem


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that readers see the old one or the new one, never a part.

    Raises:
        EnvironmentProblem: it cannot be written there; what was there before is untouched.
    """
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).chmod(0o666 & ~_umask())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot write {str(path)!r}: {problem.strerror}; choose another place with --output"
        ) from problem


def _umask() -> int:
    """The process's mask; the only way to read it is to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
