"""The queue against a model of it that is a list and a dictionary: whatever is done in whatever order."""

from __future__ import annotations

from contextlib import ExitStack
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runner.access.authority import Authority
from runner.queue.claiming import MOST_LOST
from runner.queue.identity import host
from runner.queue.job import ENDED, Outcome, ProcessIdentity, State
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order
from tests.runner.queue.processes import quick_folder

WORKERS = ("w1", "w2", "w3")
WORKER = st.sampled_from(WORKERS)
JOB = st.integers(0, 30)
ENDINGS: tuple[Outcome, ...] = ("finished", "failed", "stopped", "lost")


class QueueMachine(RuleBasedStateMachine):
    """Jobs with their states, places and attempts; who does what, and who died."""

    def __init__(self) -> None:
        super().__init__()
        self._exits = ExitStack()
        self.queue = Queue.open(self._exits.enter_context(quick_folder()) / "store", authority=Authority.local())
        self._exits.enter_context(patch("runner.queue.leases.is_alive", self._is_alive))
        self.keys: dict[int, str] = {}
        self.states: dict[str, State] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.doing: dict[str, tuple[str, int]] = {}
        self.stopping: set[str] = set()
        self.outcomes: dict[str, list[Outcome]] = {}
        self.lives = dict.fromkeys(WORKERS, 0)
        self.dead: set[int] = set()

    def teardown(self) -> None:
        self._exits.close()

    def _is_alive(self, process: ProcessIdentity) -> bool:
        return process.started_ticks not in self.dead

    def _process(self, worker_id: str) -> ProcessIdentity:
        ticks = 100 * WORKERS.index(worker_id) + self.lives[worker_id]
        return ProcessIdentity(host=host(), boot_id="boot", pid=1, started_ticks=ticks)

    @initialize()
    def register(self) -> None:
        for worker_id in WORKERS:
            self.queue.register(worker_id, self._process(worker_id))

    @rule(key=st.integers(0, 12))
    def submit(self, key: int) -> None:
        submitted = self.queue.submit(order(), OWNER, key=f"key-{key}")
        assert submitted.is_new == (key not in self.keys)
        assert submitted.job_id == self.keys.setdefault(key, submitted.job_id)
        if submitted.is_new:
            self.states[submitted.job_id] = "queued"
            self.outcomes[submitted.job_id] = []
            self.places[submitted.job_id] = (len(self.states), len(self.states))

    @rule(worker_id=WORKER)
    def claim(self, worker_id: str) -> None:
        if worker_id in self.doing:
            return
        claim = self.queue.claim(worker_id)
        assert (claim is None) == (not self.line)
        if claim is not None:
            assert claim.job.job_id == self.line[0]
            self.states[claim.job.job_id] = "running"
            self.outcomes[claim.job.job_id].append("running")
            assert claim.attempt == len(self.outcomes[claim.job.job_id])
            self.doing[worker_id] = (claim.job.job_id, claim.attempt)

    @precondition(lambda self: self.states)
    @rule(number=JOB)
    def stop(self, number: int) -> None:
        job_id = self._some_job(number)
        self.queue.ask_stop(job_id, OWNER)
        if self.states[job_id] == "queued":
            self.states[job_id] = "stopped"
        elif self.states[job_id] == "running":
            self.stopping.add(job_id)

    @precondition(lambda self: self.line)
    @rule(number=JOB)
    def move_first(self, number: int) -> None:
        job_id = self.line[number % len(self.line)]
        self.queue.move_first(job_id, OWNER)
        if job_id != self.line[0]:
            self.places[job_id] = (self.places[self.line[0]][0] - 1, self.places[job_id][1])

    @rule(worker_id=WORKER, outcome=st.sampled_from(ENDINGS))
    def end(self, worker_id: str, outcome: Outcome) -> None:
        if worker_id not in self.doing:
            return
        job_id, attempt = self.doing.pop(worker_id)
        state = self.queue.end(job_id, attempt, outcome=outcome)
        assert self.queue.end(job_id, attempt, outcome="failed") is None
        assert state == self._ended(job_id, outcome)

    @rule(worker_id=WORKER)
    def die(self, worker_id: str) -> None:
        self.dead.add(self._process(worker_id).started_ticks)
        held = self.doing.pop(worker_id, None)
        recovered = self.queue.recover()
        assert [(each.job_id, each.attempt) for each in recovered] == ([held] if held else [])
        for each in recovered:
            assert each.state == self._ended(each.job_id, "lost")
        self.lives[worker_id] += 1
        self.queue.register(worker_id, self._process(worker_id))

    @rule()
    def recover(self) -> None:
        assert self.queue.recover() == []

    @rule(worker_id=WORKER)
    def beat(self, worker_id: str) -> None:
        assert self.queue.beat(worker_id) == self.doing.get(worker_id, (None,))[0]

    @property
    def line(self) -> list[str]:
        """Queued jobs by their places: as submitted, or before all others at the time when they were moved."""
        queued = [job_id for job_id, state in self.states.items() if state == "queued"]
        return sorted(queued, key=self.places.__getitem__)

    def _some_job(self, number: int) -> str:
        ids = list(self.states)
        return ids[number % len(ids)]

    def _ended(self, job_id: str, outcome: Outcome) -> State:
        self.outcomes[job_id][-1] = outcome
        state: State = "queued" if outcome == "lost" else outcome
        if outcome == "lost" and self.outcomes[job_id].count("lost") > MOST_LOST:
            state = "failed"
        if outcome == "lost" and job_id in self.stopping:
            state = "stopped"
        self.stopping.discard(job_id)
        self.states[job_id] = state
        return state

    @invariant()
    def jobs_are_as_the_model_says(self) -> None:
        jobs = self.queue.jobs(limit=1000)
        assert {job.job_id: job.state for job in jobs} == self.states
        assert [job.job_id for job in jobs if job.state == "queued"] == self.line
        assert [job.position for job in jobs if job.state == "queued"] == list(range(1, len(self.line) + 1))
        assert {job.job_id for job in jobs if job.stopping} == self.stopping
        assert {job.job_id: [each.outcome for each in job.attempts] for job in jobs} == self.outcomes
        groups = [0 if job.state == "running" else 2 if job.state in ENDED else 1 for job in jobs]
        assert groups == sorted(groups)

    @invariant()
    def workers_do_what_the_model_says(self) -> None:
        doing = {worker.worker_id: worker.job_id for worker in self.queue.workers() if worker.job_id}
        assert doing == {worker_id: job_id for worker_id, (job_id, _) in self.doing.items()}


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
