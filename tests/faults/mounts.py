"""Small disks and disks that cannot be written: mounts that end with the test."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_TMPFS: Final = ("mount", "-t", "tmpfs", "-o")


@cache
def why_not() -> str | None:
    """Why nothing can be mounted here; None where it can.

    A mount namespace of this process would be tidier, but threads that run already, as those of the store's library,
    would stay in the old one and not see the disk.
    """
    if os.geteuid() != 0:
        return "mounting a small disk needs root"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            [*_TMPFS, "size=16k", "ucurve-test", folder], capture_output=True, text=True, check=False
        )
        if tried.returncode == 0:
            subprocess.run(["umount", folder], check=True)
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
    subprocess.run([*_TMPFS, f"size={kibibytes}k", "ucurve-test", str(folder)], check=True, capture_output=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
