"""What the tests of Launch, Queue and Audit share: people, a made-up estimate, and a queue in every state."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.access.authority import Authority
from runner.access.local import local_person
from runner.access.person import Person
from runner.drafts.estimate import Estimate
from runner.job_files import JobStatus, RunStatus
from runner.queue.identity import this_process
from runner.queue.job import Job
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec

OWNER = local_person()
ANNA = Person(user_id="anna", name="Anna <b>*x*</b>", via="dashboard", signed_in_at=time.time())
HOSTILE = "</script><img src=x onerror=alert(1)> [a](http://evil.example) $x$ :red[y] \x1b[31m\u202e"
SPEC = """
name: {name}
model: smollm2-135m
dataset: skills
axes: {{learning_rate: [1e-4, 1e-3]}}
budget: {{steps: 3}}
"""


def submit(store: Path, name: str = "tiny", *, person: Person = OWNER, authority: Authority | None = None) -> str:
    """A job in the queue of a store, as somebody asked for it."""
    spec = order_of(parse_sweep_spec(SPEC.format(name=name)))
    return Queue.open(store, authority=authority or Authority.local()).submit(spec, person, key=name).job_id


def begin(store: Path, worker: str = "worker-1") -> Job:
    """The next job, taken by a worker that is this process; it has said how far it is and written a log."""
    queue = Queue.open(store, authority=Authority.local())
    queue.register(worker, this_process(), "cpu")
    claim = queue.claim(worker)
    assert claim is not None
    folder = queue.job_folder(claim.job.job_id, claim.attempt)
    folder.mkdir(parents=True, exist_ok=True)
    runs = tuple(RunStatus(run_id=f"run-{n}", name=f"lr {n}", step=n, n_steps=4, train_loss=2.5) for n in (1, 2))
    status = JobStatus(
        sweep_id=claim.job.order.sweep_id,
        phase="training",
        n_runs=4,
        counts={"finished": 1, "diverged": 1},
        done_tokens=750,
        total_tokens=1000,
        tokens_per_s=125.0,
        left_s=61.0,
        running=runs,
        device=f"cpu {HOSTILE}",
        device_memory_bytes=3 * 2**30,
        device_utilisation=0.875,
        messages=(HOSTILE,),
        updated_at=9e9,
    )
    (folder / "status.json").write_text(status.model_dump_json())
    (folder / "log.txt").write_text(f"first\nhidden\rshown\n{HOSTILE}\n")
    return claim.job


def end(store: Path, job: Job, outcome: str, reason: str | None = None) -> None:
    queue = Queue.open(store, authority=Authority.local())
    queue.end(job.job_id, 1, outcome=outcome, reason=reason, exit_code=0, peak_memory_bytes=2**30)  # type: ignore[arg-type]


def sign_in(person: Person, role: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Rules under which a person has a role, with the person signed in."""
    site = folder / "ucurve.toml"
    site.write_text(
        "[dashboard]\norigin = 'http://localhost:1'\n[sign_in]\nprovider = 'http://localhost:2/x'\nclient_id = 'c'\n"
        f"secrets_file = 's'\n[roles.users]\n{person.user_id} = '{role}'\n"
    )
    for module in ("_person", "_sign_in", "_launch_confirm", "_queue_actions", "_queue_jobs"):
        monkeypatch.setattr(f"pages.{module}.current_person", lambda: person)
    return Authority(site_file=site)


class FakeEstimator:
    """Answers at once, or not at all."""

    def __init__(
        self, plan: Mapping[str, object] | None = None, state: str = "ready", problem: str | None = None
    ) -> None:
        self.estimate = Estimate(state, plan=plan, problem=problem)  # type: ignore[arg-type]
        self.asked: list[str] = []

    def ask(self, spec: str, store: Path, *, asker: str) -> Estimate:
        assert store.is_absolute()
        assert asker
        self.asked.append(spec)
        return self.estimate

    def forget(self, spec: str, store: Path) -> None:
        self.asked.append(f"forget {store} {spec}")


def a_plan(*, n_done: int = 0, rates: tuple[float, ...] = (1e-4, 1e-3), seeds: int = 2) -> dict[str, object]:
    """The JSON of a dry run."""
    runs = [
        {
            "run_id": f"r{index}",
            "seed": seed,
            "learning_rate": rate,
            "processed_tokens": 3000,
            "evaluated_tokens": 600,
            "is_done": index < n_done,
            "config": {"learning_rate": rate, "batch_size": 8, "model": "m"},
        }
        for index, (rate, seed) in enumerate(itertools.product(rates, range(seeds)))
    ]
    return {
        "runs": runs,
        "notes": ["4 of 4 runs take fewer than 10 steps; a larger budget says more."],
        "tokens_per_s": 100.0,
        "speed_source": "measured in sweep 'older'",
        "device": "cpu:AMD",
        "memory": {"expected_bytes": 2 * 2**30, "free_bytes": 8 * 2**30},
        "memory_problem": None,
        "disk": {"adapter_bytes": 2**20, "checkpoint_bytes": 2**20, "free_bytes": 2**40},
    }


def use_estimator(fake: FakeEstimator, monkeypatch: pytest.MonkeyPatch) -> FakeEstimator:
    monkeypatch.setattr("pages._launch_plan.estimator", lambda: fake)
    return fake
