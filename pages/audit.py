"""Who did what, when, and what came of it? For admins."""

from __future__ import annotations

from pages._audit_log import show_log
from pages._person import require
from pages._queue_store import open_queue
from pages._view import current_location
from runner.access.person import Role

current_location()
require(Role.ADMIN)
show_log(open_queue())
