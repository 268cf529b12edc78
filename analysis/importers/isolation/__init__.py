"""Reads sources in a process of its own, so that a crafted file or a dead server can only end that process.

`Reader` starts the process, asks it what there is and for one thing after the other, and ends it when it hangs. What a
run says travels as a parcel: files in a folder that only this user can enter, checked before they are believed, and
deleted after use. Secrets are taken out before anything is written.
"""

from analysis.importers.isolation.events import Broken, Done, Event, Found, Reading, Refused, Run, Skipped, Started
from analysis.importers.isolation.limits import Limits
from analysis.importers.isolation.reader import Reader, read_apart

__all__ = [
    "Broken",
    "Done",
    "Event",
    "Found",
    "Limits",
    "Reader",
    "Reading",
    "Refused",
    "Run",
    "Skipped",
    "Started",
    "read_apart",
]
