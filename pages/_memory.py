"""Keeping the server's memory small: garbage collected now and then, and what is free given back to the system."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

import pyarrow as pa

_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""
_MOST_ARENAS: Final = 2


def share_arenas() -> None:
    """Let all threads allocate from two places: a rerun is a thread of its own, and each leaves free memory behind."""
    if (set_option := getattr(_libc(), "mallopt", None)) is not None:
        set_option(_M_ARENA_MAX, _MOST_ARENAS)


def give_back() -> None:
    """Collect garbage, since Streamlit is told not to (`runner.postScriptGC`), and return free memory to the system."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    if (trim := getattr(_libc(), "malloc_trim", None)) is not None:
        trim(0)


def _libc() -> object:
    """The C library, of which only glibc knows these two."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
