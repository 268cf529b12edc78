"""Small disks and disks that cannot be written: mounts that only this process and those it starts can see."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_CLONE_NEWNS: Final = 0x00020000


@cache
def why_not() -> str | None:
    """Why nothing can be mounted here; None where it can, in a mount namespace of its own from now on."""
    if os.geteuid() != 0:
        return "mounting a small disk needs root"
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNS) != 0:  # what is mounted goes away with this process, however it ends
        return f"this machine allows no mount namespace: {os.strerror(ctypes.get_errno())}"
    tried = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True, check=False)
    return f"nothing can be mounted here: {tried.stderr.strip()}" if tried.returncode else None


class SmallDisk:
    """A file system in memory.

    Args:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, kibibytes: int) -> None:
        """Lets it hold so much from now on, or what it holds already, if that is more."""
        _mount("-o", f"remount,size={kibibytes}k", str(self.folder))

    def set_writable(self, writable: bool) -> None:
        """Remounts it."""
        _mount("-o", "remount,rw" if writable else "remount,ro", str(self.folder))

    def fill(self) -> Path:
        """Writes a file that takes all the room there is; remove it to make room."""
        ballast = self.folder / "ballast"
        with ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue
        return ballast


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[SmallDisk]:
    """A disk of this size at `folder`; skips the test where none can be had."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kibibytes}k", "ucurve-test", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
