"""The first moments of a job's process: it ties itself to its worker and becomes the training program.

A program of its own, because Python code between fork and exec is unsafe in a worker that has threads.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from runner.worker.kernel import die_with_parent


def main() -> None:
    """Becomes the command that follows the worker's number on the command line."""
    worker, *command = sys.argv[1:]
    die_with_parent()
    if os.getppid() != int(worker):
        sys.exit("the worker ended before its job began")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not leave secrets in a file
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # what is ignored stays ignored over exec
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main()
