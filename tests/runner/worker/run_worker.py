"""A worker whose jobs are `fake_job.py`: `run_worker.py STORE OPTIONS`, options as JSON for `WorkerOptions`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from analysis.errors import UcurveError
from runner.cli.output import note
from runner.queue.queue import Queue
from runner.worker.process import PATIENCE_S
from runner.worker.worker import Worker, WorkerOptions

FAKE = Path(__file__).with_name("fake_job.py")


def fake_command(_store: Path, folder: Path) -> list[str]:
    return [sys.executable, str(FAKE), str(folder)]


def main() -> None:
    store, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    patience = [(number, options.pop("patience_s", 0.3)) for number, _ in PATIENCE_S]
    settings = WorkerOptions(make_command=fake_command, patience_s=patience, **options)
    queue = Queue.open(store, create=True)
    try:
        sys.exit(Worker(queue, store, settings, note).run())
    except UcurveError as problem:
        note(str(problem))
        sys.exit(2)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
