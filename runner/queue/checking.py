"""What the queue's file says that somebody asked is checked again, before anything is done for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from runner.access.authority import Authority, NotAllowed
from runner.access.person import Person, Role
from runner.access.signing import Signer
from runner.queue.asking import known_job, request_payload
from runner.queue.audit import add_entry, kept_text
from runner.queue.rows import person_of
from runner.queue.work import Request

_UNSIGNED: Final = (
    "its signature does not fit: it was not submitted through this queue, or its row was changed; submit it again"
)


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks what the queue's file says somebody asked: that they did, and that they still may."""

    authority: Authority
    signer: Callable[[], Signer]

    def check_ready(self) -> None:
        """Returns when one can tell who may do what; jobs must not fail because a site file is just being edited.

        Raises:
            ConfigError: The site file is wrong.
        """
        self.authority.settings()

    def problem(self, payload: bytes, signature: str, person: Person, needed: Role, at: float) -> str | None:
        """Why it is not to be done; None where it is."""
        if not self.signer().verify(payload, signature):
            return _UNSIGNED
        try:
            self.authority.check(person, needed, at=at)
        except NotAllowed as refusal:
            return str(refusal)
        return None


def needed_role(person: Person, owner: Person) -> Role:
    """The role that is needed to change a job: one's own, or another's."""
    is_own = person.user_id == owner.user_id and (person.signed_in_at is None) == (owner.signed_in_at is None)
    return Role.LAUNCHER if is_own else Role.ADMIN


def read_requests(
    db: sqlite3.Connection, job_id: str, checker: Checker
) -> tuple[list[Request], list[tuple[Request, str]]]:
    """What is asked of a job and not done yet: what is to be done, and what nobody may ask, each with the reason."""
    rows = db.execute("SELECT * FROM requests WHERE job_id = ? AND outcome IS NULL ORDER BY request_id", (job_id,))
    good: list[Request] = []
    bad: list[tuple[Request, str]] = []
    for row in rows.fetchall():
        request = Request(
            request_id=row["request_id"],
            job_id=job_id,
            kind=row["kind"],
            run_id=row["run_id"],
            person=person_of(row["person"]),
            asked_at=row["asked_at"],
        )
        payload = request_payload(job_id, row["kind"], row["run_id"], row["person"], row["asked_at"])
        needed = needed_role(request.person, known_job(db, job_id).person)
        problem = checker.problem(payload, row["signature"], request.person, needed, row["asked_at"])
        if problem is None:
            good.append(request)
        else:
            bad.append((request, problem))
    return good, bad


def refuse(db: sqlite3.Connection, request: Request, problem: str) -> None:
    """Closes a request that is not to be done."""
    close(db, request.request_id, "refused")
    add_entry(db, request.person, request.kind.replace("_", " "), request.job_id, "refused", problem)


def close(db: sqlite3.Connection, request_id: int, outcome: str) -> None:
    """Notes what came of a request; the first word counts."""
    db.execute(
        "UPDATE requests SET outcome = ? WHERE request_id = ? AND outcome IS NULL", (kept_text(outcome), request_id)
    )
