"""Entries of the audit log for what is not asked of the queue: sign-ins, imports, what was refused in an action."""

from __future__ import annotations

import logging
from pathlib import Path

from analysis.errors import UcurveError
from pages._location import store_location
from runner.access.person import Person
from runner.access.served import served_authority
from runner.queue.queue import Queue

_log = logging.getLogger(__name__)


def note_action(person: Person, action: str, subject: str, outcome: str, detail: str | None = None) -> None:
    """Add an entry; a store that cannot be written stays a store that can be looked at, and the log says so.

    Args:
        person: Who.
        action: What they did or wanted, such as `import`.
        subject: To what.
        outcome: `done` or `refused`.
        detail: In a sentence, where there is something to say.
    """
    try:
        queue = Queue.open(Path(store_location()).expanduser().absolute(), authority=served_authority())
        queue.note(person, action, subject, outcome, detail)
    except (UcurveError, OSError) as problem:
        _log.warning("%r by %r (%s) is not in the audit log: %s", action, person.user_id, outcome, problem)
