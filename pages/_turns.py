"""Who computes: one at a time, so that those who need next to nothing wait for one computation and not for ten."""

from __future__ import annotations

from threading import Lock
from typing import Final

TURN: Final = Lock()
"""Held while something is computed that nobody has asked for before. Python runs one thread at a time anyway: ten that
compute beside each other make everybody's answer late, theirs too. Nothing inside may ask a cache, whose own lock
somebody can hold who waits for the turn."""
