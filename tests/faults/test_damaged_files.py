"""Files that were cut anywhere: never a traceback, never a state that was not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from analysis.errors import UcurveError
from runner.job_files import JobControl, JobStatus, RunStatus
from runner.queue.folders import read_status
from runner.queue.job import Job
from runner.queue.queue import Queue
from runner.sweep_control import ControlFile
from runner.training.checkpoint_files import MARKER, CheckpointShelf, Damage
from tests.faults.bench import ME, SEED, Bench
from tests.faults.oracles import Reference, check_sentence, read_pages
from tests.faults.warm import Warm
from tests.runner.queue.people import order

_N_LENGTHS: Final = 60


def lengths(path: Path) -> list[int]:
    """Where to cut a file: its ends, its pages, and anywhere."""
    size = path.stat().st_size
    draw = random.Random(f"{SEED} {path.name}")  # noqa: S311 - no secrets
    anywhere = [draw.randrange(1, size) for _ in range(_N_LENGTHS)]
    return sorted({1, 15, 16, 99, 100, size - 1, *range(4096, size, 4096), *anywhere} - {0, size})


def test_a_queue_cut_anywhere_is_a_sentence_and_makes_nothing_up(bench: Bench) -> None:
    queue = Queue.open(bench.store)
    for number in range(12):
        queue.submit(order(), ME, key=f"k{number}")
    jobs = {job.job_id: job for job in queue.jobs()}
    file = queue.folder / "queue.db"
    whole = file.read_bytes()
    n_said = 0
    for length in lengths(file):
        file.write_bytes(whole[:length])
        n_said += _look_at_damage(queue, jobs)
    assert n_said > _N_LENGTHS
    assert "damaged" in read_pages(bench.store, "Queue")
    file.write_bytes(whole)
    assert {job.job_id: job for job in queue.jobs()} == jobs


def _look_at_damage(queue: Queue, jobs: dict[str, Job]) -> bool:
    """Whether the damage was said; what is shown all the same is as it was."""
    said = False
    for look in (queue.jobs, queue.workers, queue.audit, queue.version, lambda: queue.note(ME, "a", "b", "done")):
        try:
            found = look()
        except UcurveError as problem:
            said = True
            assert "\n" not in str(problem)  # noqa: PT017 - any problem
        else:
            shown = [one for one in found if isinstance(one, Job)] if isinstance(found, list) else []
            assert all(jobs[job.job_id] == job for job in shown)
    return said


def test_status_and_control_files_cut_at_every_byte_say_nothing(tmp_path: Path) -> None:
    run = RunStatus(run_id="r1", name="lr 1e-3", step=3, n_steps=9, train_loss=2.0)
    status = JobStatus(sweep_id="tiny", phase="training", n_runs=2, running=(run,), updated_at=1.0).model_dump_json()
    control = JobControl(stop_runs=("r1", "r2")).model_dump_json()
    for text, path in ((status, tmp_path / "status.json"), (control, tmp_path / "control.json")):
        for length in range(len(text)):
            path.write_text(text[:length])
            if path.name == "status.json":
                assert read_status(tmp_path) is None
            else:
                assert ControlFile(path, lambda _: None).stop_runs() == frozenset()


@pytest.mark.parametrize("name", ["pack.safetensors", "state.json", MARKER])
def test_a_checkpoint_cut_anywhere_is_never_used(tmp_path: Path, name: str) -> None:
    shelf = CheckpointShelf(tmp_path / "shelf")

    def write(folder: Path) -> None:
        (folder / "pack.safetensors").write_bytes(bytes(range(256)) * 20)
        (folder / "state.json").write_text('{"step": 7}')

    shelf.publish(write, keep=2)
    shelf.publish(write, keep=2)
    file = shelf.folder / "2" / name
    whole = file.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 200)):
        file.write_bytes(whole[:length])
        first, second = shelf.newest_first()
        assert isinstance(first, Damage)
        assert second == shelf.folder / "1"


def test_a_sweep_goes_on_from_the_checkpoint_before_a_damaged_one(bench: Bench, reference: Reference) -> None:
    bench.set_size(tokens=700)
    process = Warm(bench.sweep(), bench.output(), bench.environment)
    bench.wait_for_checkpoint(3)
    process.kill()
    folder = bench.store / "checkpoints" / "tiny"
    newest = max(folder.glob("[0-9]*"), key=lambda path: (path.suffix == "", int(path.stem)))
    pack = newest / "pack.safetensors"
    pack.write_bytes(pack.read_bytes()[:-1])
    again = Warm(bench.sweep(), bench.output(), bench.environment)
    assert again.wait() == 0, again.said()
    check_sentence(again.said(), f"checkpoint {newest.name} is damaged", "going on from")
    reference.check(bench)
