"""Waits until the worker is gone, however it went, and ends what it left behind: forked and detached processes too."""

from __future__ import annotations

import subprocess
import sys

from runner.worker.family import end_all, marked_by


def start_reaper(worker: str) -> subprocess.Popen[bytes]:
    """Starts the waiting process; the kernel closes its input when this process ends.

    Args:
        worker: The mark of this worker, which its jobs bear.
    """
    return subprocess.Popen(  # noqa: S603 - our own command line, no shell
        [sys.executable, "-m", "runner.worker.reaper", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # what ends the worker's group must not end this
    )


def main() -> None:
    """Waits, then ends all that bear the worker's mark."""
    sys.stdin.buffer.read()
    worker = sys.argv[1]
    end_all(lambda: marked_by(worker))


if __name__ == "__main__":
    main()
