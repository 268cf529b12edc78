"""No room, a failing disk, or one that cannot be written: one sentence, nothing damaged, and on it goes later."""

from __future__ import annotations

import pytest

from analysis.errors import StoreError
from tests.faults.bench import ME, Bench, training_of, wait_for
from tests.faults.ledger import check_ledger
from tests.faults.mounts import small_disk
from tests.faults.oracles import Reference, check_queue_file, check_sentence, go_on, read_pages
from tests.faults.warm import Warm, ucurve
from tests.runner.queue.people import order


def test_a_queue_on_a_full_disk_says_so_and_works_again_with_room(bench: Bench) -> None:
    with small_disk(bench.store, 512) as disk:
        first = bench.submit()
        ballast = disk.fill()
        queue = bench.queue
        with pytest.raises(StoreError, match=r"the disk is full, so the queue .* free some space and ask again"):
            queue.submit(order(), ME, key="no-room")
        with pytest.raises(StoreError, match="the disk is full"):
            queue.note(ME, "import", "a file", "done")
        assert [job.job_id for job in queue.jobs()] == [first]
        assert "tiny" in read_pages(bench.store, "Queue", "Overview")
        ballast.unlink()
        assert queue.submit(order(), ME, key="no-room").is_new
        queue.note(ME, "import", "a file", "done")
        check_queue_file(bench.store)
        assert len(queue.jobs()) == 2


def test_a_sweep_on_a_disk_that_is_full_again_and_again_ends_undisturbed(bench: Bench, reference: Reference) -> None:
    """It stops in a sentence each time, at whatever it was writing, and has lost nothing that was acknowledged."""
    bench.set_size(tokens=700)
    with small_disk(bench.store, 16) as disk:
        sizes = [*range(16, 400, 48), 600, 800, 1200]
        codes = []
        for size in sizes:
            disk.resize(size)
            process = Warm(bench.sweep(), bench.output(), bench.environment)
            codes.append(process.wait())
            check_sentence(process.said())
            assert codes[-1] in (0, 2, 3), process.said()
            if codes[-1]:
                check_sentence(process.said(), "o space left on device")
            elif "no checkpoint was written" not in process.said():
                break
        assert any(codes)
        disk.resize(64 * 1024)
        go_on(bench)
        check_ledger(bench.ledger, bench.opened())
        reference.check(bench)


def test_a_job_on_a_full_disk_is_lost_and_goes_on_when_there_is_room(bench: Bench, reference: Reference) -> None:
    bench.set_size(tokens=700)
    with small_disk(bench.store, 32 * 1024) as disk:
        job_id = bench.submit()
        worker = bench.start_worker()
        training_of(worker)
        wait_for(lambda: (status := bench.status(job_id)) and status.checkpoint_at, "it trains")
        ballast = disk.fill()
        wait_for(lambda: "lost" in worker.said() or "No space" in worker.said(), "the worker says what is wrong")
        assert "tiny" in read_pages(bench.store, "Queue")
        ballast.unlink()
        worker.wait()
        check_sentence(worker.said())
        assert bench.job(job_id).state == "queued"
        assert "No space left on device" in str(bench.job(job_id).attempts[-1].reason)
        again = bench.start_worker()
        again.wait()
        assert bench.job(job_id).state == "finished", again.said()
        reference.check(bench)


def test_a_store_that_cannot_be_written_is_shown_and_refuses_in_a_sentence(bench: Bench) -> None:
    with small_disk(bench.store, 8 * 1024) as disk:
        go_on(bench)
        job_id = bench.submit()
        disk.set_writable(False)
        before = {path: path.read_bytes() for path in bench.store.rglob("*") if path.is_file()}
        text = read_pages(bench.store, "Overview", "Runs", "Learning rate", "Queue", "Data health")
        assert "tiny" in text
        for command in (("sweep", bench.spec), ("submit", bench.spec, "--again"), ("worker", "--once")):
            process = Warm(ucurve(*command, f"--store={bench.store}"), bench.output(), bench.environment)
            assert process.wait() in (2, 3), process.said()
            check_sentence(process.said())
            assert len(process.said().strip().splitlines()) <= 4, process.said()
        assert {path: path.read_bytes() for path in bench.store.rglob("*") if path.is_file()} == before
        disk.set_writable(True)
        worker = bench.start_worker()
        assert worker.wait() == 0, worker.said()
        assert bench.job(job_id).state == "finished"


def test_import_and_report_without_room_leave_the_store_as_it_is(bench: Bench) -> None:
    table = bench.folder / "runs.csv"
    rows = "".join(f"r{n},{n}e-4,{3 + n / 10},{'x' * 500}\n" for n in range(1, 400))
    table.write_text(f"run_id,learning_rate,eval_loss,note\n{rows}")
    with small_disk(bench.store, 8 * 1024) as disk:
        go_on(bench)
        runs_before = sorted(bench.opened().snapshot().runs()["run_id"])
        ballast = disk.fill()
        for command in (("import", "table", table), ("report", "--output", bench.store / "report.html")):
            process = Warm(ucurve(*command, f"--store={bench.store}"), bench.output(), bench.environment)
            assert process.wait() in (1, 2, 3), process.said()
            check_sentence(process.said(), "o space left on device")
        assert sorted(bench.opened().snapshot().runs()["run_id"]) == runs_before
        assert not (bench.store / "report.html").exists()
        ballast.unlink()
        process = Warm(ucurve("import", "table", table, f"--store={bench.store}"), bench.output(), bench.environment)
        assert process.wait() == 0, process.said()
        assert len(bench.opened().snapshot().runs()) == len(runs_before) + 399
