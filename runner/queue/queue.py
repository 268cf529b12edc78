"""The queue of a store: what people ask of it, and what workers do with it.

`docs/queue.md` states what it promises. Every method is one look or one transaction; what it changed is on the disk
when it returns. Those that change something on somebody's behalf raise NotAllowed where that person may not, which
stands in the audit log then. All raise StoreError, in one sentence, where the file is damaged, newer or unwritable.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from analysis.errors import StoreError, UcurveError
from analysis.store.marker import local_folder
from runner.access.authority import Authority, NotAllowed, load_authority
from runner.access.person import Person, Role
from runner.access.signing import Signer
from runner.errors import ConfigError
from runner.queue import asking, checking, claiming, leases
from runner.queue.audit import add_entry, kept_text, read_entries
from runner.queue.checking import Checker
from runner.queue.claiming import Ending
from runner.queue.database import Database
from runner.queue.folders import attempt_folder, prune
from runner.queue.job import ENDED, Attempt, Job, Outcome, ProcessIdentity, State, Submitted, SweepOrder
from runner.queue.order import checked_order
from runner.queue.rows import list_jobs, read_job
from runner.queue.work import AuditEntry, Claim, Recovered, Request, Worker

__all__ = ["Attempt", "AuditEntry", "Claim", "Job", "Queue", "Recovered", "Request", "Submitted", "Worker"]

FOLDER_VARIABLE: Final = "UCURVE_QUEUE"


class Queue:
    """Handle of one queue. Threads may share it; opening one costs nothing.

    Args:
        folder: Where its files lie.
        store: The store whose sweeps it holds.
        authority: Who may do what.
    """

    def __init__(self, folder: Path, store: Path, authority: Authority) -> None:
        self.folder = folder
        self._authority = authority
        self._database = Database(folder / "queue.db", store)
        self._checker = Checker(authority, lambda: self._signer)
        self._ear = leases.Ear()
        self._mine: dict[str, tuple[ProcessIdentity, str | None]] = {}

    @classmethod
    def open(
        cls, store: Path, *, create: bool = False, authority: Authority | None = None, folder: Path | None = None
    ) -> Queue:
        """The queue beside a store.

        One that nobody has made yet holds no jobs; the first thing that is written makes it.

        Args:
            store: The store's folder, which may not be there yet.
            create: Make it now, so that a folder that cannot be written is found now.
            authority: Who may do what; None: as the site file says that UCURVE_SITE names.
            folder: Where the queue's files lie; None: where UCURVE_QUEUE says, or else `queue` in the store.

        Raises:
            StoreError: With `create`, when the file cannot be made.
        """
        place = local_folder(store)
        named = folder or os.environ.get(FOLDER_VARIABLE) or place / "queue"
        queue = cls(local_folder(named), place, authority or load_authority())
        if create:
            with queue._database.change(counted=False):
                pass
        return queue

    # For people

    def submit(self, order: SweepOrder, person: Person, *, key: str) -> Submitted:
        """Adds a job at the end of the line, once a key: asked again, it is the same job.

        Raises:
            ConfigError: The specification is wrong; or the key was used for something else.
        """
        self._require(person, "submit", order.sweep_id)
        checked_order(order)
        asking.check_key(key)
        with self._database.change() as db:
            return asking.insert_job(db, order, person, key, self._signer.sign)

    def key_by_hand(self, order: SweepOrder, person: Person) -> str:
        """The key for somebody who typed this order: that of their same order which has not ended yet, or a new one."""
        digest = hashlib.sha256(f"{person.user_id}\0{order.model_dump_json()}".encode()).hexdigest()[:32]
        with self._database.look() as db:
            return asking.key_by_hand(db, digest, order, person)

    def jobs(self, states: Iterable[State] | None = None, limit: int = 200) -> list[Job]:
        """Running jobs, then queued ones by their place, then ended ones; the newest first, unless queued.

        Whoever looks also finds the dead (`recover`), so that no job is shown as running that is not.
        """
        self._find_dead()
        with self._database.look() as db:
            return list_jobs(db, states, limit)

    def job(self, job_id: str) -> Job | None:
        """One job, or None where there is none of that id; finds the dead as `jobs` does."""
        self._find_dead()
        with self._database.look() as db:
            return read_job(db, job_id)

    def ask_stop(self, job_id: str, person: Person) -> Job:
        """Stops a queued job at once, asks the worker of a running one, and returns the job as it is then.

        Raises:
            ConfigError: There is no such job.
        """
        self._require(person, "stop", job_id, self._known(job_id))
        with self._database.change() as db:
            asking.stop_job(db, job_id, person, self._signer.sign)
        return self._known(job_id)

    def ask_stop_run(self, job_id: str, run_id: str, person: Person) -> None:
        """Asks the worker of a running job to take one run out of it.

        Raises:
            ConfigError: There is no such job, it is not running, or the run's id is none.
        """
        asking.checked_id(run_id, "run")
        self._require(person, "stop run", job_id, self._known(job_id))
        with self._database.change() as db:
            asking.stop_run(db, job_id, run_id, person, self._signer.sign)

    def move_first(self, job_id: str, person: Person) -> None:
        """Makes a queued job the next one.

        Raises:
            ConfigError: There is no such job, or it is not queued.
        """
        self._require(person, "move first", job_id, self._known(job_id))
        with self._database.change() as db:
            asking.move_to_front(db, job_id, person)

    def retry(self, job_id: str, person: Person, *, key: str) -> Submitted:
        """Submits what an ended job was asked once more; runs that finished are skipped by the sweep itself.

        Raises:
            ConfigError: There is no such job, or it has not ended.
        """
        job = self._known(job_id)
        self._require(person, "retry", job_id, job)
        if job.state not in ENDED:
            raise ConfigError(f"job {job_id!r} is {job.state}; only what has ended can be done again")
        return self.submit(job.order, person, key=key)

    def version(self) -> int:
        """A number that is higher whenever something that people see has changed; costs about a millisecond."""
        with self._database.look() as db:
            return int(db.execute("SELECT n_changes FROM queue").fetchone()[0])

    def stamp(self) -> tuple[int, int]:
        """Something that is another one after nearly every change, workers' beats included; costs next to nothing.

        Two changes within one tick of the file system's clock can share it: keep nothing under it for long.
        """
        return self._database.stamp()

    def workers(self) -> list[Worker]:
        """The workers that did not sign off, the oldest first."""
        with self._database.look() as db:
            return leases.list_workers(db, self._ear)

    def audit(self, limit: int = 200, before: int | None = None) -> list[AuditEntry]:
        """The newest entries first; with `before`, those older than the entry of that number."""
        with self._database.look() as db:
            return read_entries(db, limit=limit, before=before)

    def note(self, person: Person, action: str, subject: str, outcome: str, detail: str | None = None) -> None:
        """Notes in the audit log what is no change of the queue: a sign-in, an import, what was refused elsewhere."""
        with self._database.change() as db:
            add_entry(db, person, action, subject, outcome, detail)

    def job_folder(self, job_id: str, attempt: int) -> Path:
        """Where the files of an attempt lie; its worker makes it."""
        return attempt_folder(self.folder, job_id, attempt)

    # For workers

    def register(self, worker_id: str, process: ProcessIdentity, device: str | None = None) -> None:
        """Signs a worker on.

        Raises:
            ConfigError: Another process of this name lives, or the name is no id.
        """
        with self._database.change() as db:
            leases.add_worker(db, worker_id, process, device)
        self._mine[worker_id] = (process, device)

    def beat(self, worker_id: str) -> str | None:
        """Says that a worker lives, every BEAT_EVERY_S seconds; returns the job that is its own.

        A worker that does another job than this one must end it: after a long silence it was given to somebody else.
        """
        with self._database.change(counted=False) as db:
            return leases.beat_of(db, worker_id, self._mine.get(worker_id))

    def unregister(self, worker_id: str) -> None:
        """Signs a worker off."""
        with self._database.change() as db:
            db.execute("DELETE FROM workers WHERE worker_id = ?", (worker_id,))
        self._mine.pop(worker_id, None)

    def claim(self, worker_id: str, hear_refused: Callable[[str, str], None] | None = None) -> Claim | None:
        """Makes the next job this worker's own, and nobody else's; None when none is queued.

        The job's signature and the person's present role are checked; a job that fails that becomes failed.

        Args:
            worker_id: Who asks.
            hear_refused: Gets the id of each job that becomes failed here, and the reason.

        Raises:
            ConfigError: The worker is not registered, or has a job; or the site file is wrong.
        """
        with self._database.look() as db:
            if not claiming.is_any_queued(db):  # so that waiting costs a look and no change
                return None
        refused: list[tuple[str, str]] = []
        with self._database.change() as db:
            claim = claiming.claim_next(db, worker_id, self._checker, refused)
        if hear_refused is not None:
            for job_id, problem in refused:
                hear_refused(job_id, problem)
        return claim

    def open_requests(self, job_id: str) -> list[Request]:
        """What is asked of a running job and not done yet, by people who may; the oldest first."""
        with self._database.look() as db:
            good, bad = checking.read_requests(db, job_id, self._checker)
        if bad:
            with self._database.change() as db:
                for request, problem in bad:
                    checking.refuse(db, request, problem)
        return good

    def close_request(self, request: Request, outcome: str) -> None:
        """Notes what came of a request, which is not open from then on."""
        with self._database.change() as db:
            checking.close(db, request.request_id, outcome)

    def end(
        self,
        job_id: str,
        attempt: int,
        *,
        outcome: Outcome,
        reason: str | None = None,
        exit_code: int | None = None,
        peak_memory_bytes: int | None = None,
    ) -> State | None:
        """Notes how an attempt ended; returns what the job is now, or None where this attempt had ended before.

        A lost job is queued again, up to MOST_LOST times.
        """
        ending = Ending(outcome=outcome, reason=reason, exit_code=exit_code, peak_memory_bytes=peak_memory_bytes)
        with self._database.change() as db:
            leases.hear_end(db, job_id, attempt)
            state = claiming.end_attempt(db, job_id, attempt, ending)
        prune(self.folder, self._ended)
        return state

    def put_back(
        self,
        job_id: str,
        attempt: int,
        *,
        reason: str | None = None,
        exit_code: int | None = None,
        peak_memory_bytes: int | None = None,
    ) -> State | None:
        """Ends an attempt whose worker is asked to end, and queues the job again at its place, as often as may be.

        Returns what the job is now: `stopped` where somebody asked for that; None where the attempt had ended before.
        """
        ending = Ending(
            outcome="stopped",
            reason=reason,
            exit_code=exit_code,
            peak_memory_bytes=peak_memory_bytes,
            is_put_back=True,
        )
        with self._database.change() as db:
            return claiming.end_attempt(db, job_id, attempt, ending)

    def explain_wait(self, reason: str | None) -> None:
        """Says of all queued jobs why none of them begins, such as a full disk; None: nothing keeps them."""
        text = None if reason is None else kept_text(reason)
        with self._database.look() as db:
            if claiming.is_known_wait(db, text):  # so that waiting costs a look and no change
                return
        with self._database.change() as db:
            claiming.explain_wait(db, text)

    def recover(self) -> list[Recovered]:
        """Finds attempts whose worker died, and queues their jobs again; forgets workers that died."""
        with self._database.look() as db:
            deaths, gone = leases.find_deaths(db, self._ear), leases.find_dead_workers(db)
        if not deaths and not gone:
            return []
        with self._database.change() as db:
            found = [leases.bury(db, death) for death in deaths]
            leases.forget(db, gone)
        return [one for one in found if one is not None]

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self.folder / "key")

    def _find_dead(self) -> None:
        with suppress(StoreError):  # who may not write sees what was written last; what is damaged, the look tells
            self.recover()

    def _known(self, job_id: str) -> Job:
        with self._database.look() as db:
            return asking.known_job(db, job_id)

    def _ended(self) -> list[str]:
        with self._database.look() as db:
            query = "SELECT job_id FROM jobs WHERE state IN ('finished', 'failed', 'stopped') ORDER BY number DESC"
            return [row["job_id"] for row in db.execute(query)]

    def _require(self, person: Person, action: str, subject: str, job: Job | None = None) -> None:
        needed = Role.LAUNCHER if job is None else checking.needed_role(person, job.person)
        try:
            self._authority.check(person, needed)
        except NotAllowed as refusal:
            with suppress(UcurveError):  # what is refused stays refused where the log cannot be written
                self.note(person, action, subject, "refused", str(refusal))
            raise
