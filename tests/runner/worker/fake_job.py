"""Stands in for `ucurve sweep`: keeps the same contract, and misbehaves as its sweep file says.

Called as `fake_job.py FOLDER`; the sweep's name in `FOLDER/spec.yaml` says what to do: `fork-deaf`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

HEARD: list[int] = []


def note(name: str, value: object = "") -> None:
    """Leaves a file for the test to wait for; whole or absent."""
    draft = Path(f"{name}.part")
    draft.write_text(str(value), encoding="utf-8")
    draft.replace(name)


def hear(number: int, _frame: FrameType | None) -> None:
    HEARD.append(number)


def sleep() -> None:
    while True:
        time.sleep(60)


def listen() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)


def until_asked() -> None:
    listen()
    note("ready", os.getpid())
    while not HEARD:
        time.sleep(0.01)


def deaf() -> None:
    listen()
    note("ready", os.getpid())
    sleep()


def fork() -> None:
    pid = os.fork()
    if pid == 0:
        note("forked", os.getpid())
        sleep()


def fork_twice() -> None:
    """A daemon: another session, another parent; it even closes what it inherited."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note("daemon", os.getpid())
            sleep()
        os._exit(0)
    os.wait()


def daemon_without_marks() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            code = "import os, time; open('stranger', 'w').write(str(os.getpid())); time.sleep(600)"
            os.execve(sys.executable, [sys.executable, "-c", code], {})  # noqa: S606 - a list, no shell
        os._exit(0)
    os.wait()
    while not (Path("stranger").exists() and Path("stranger").read_text(encoding="utf-8")):
        time.sleep(0.01)


def chatter() -> None:
    secret = "hf_" + "Zq8" * 12
    sys.stderr.write(f"\x1b[31mtoken {secret}\x1b[0m and \x07 bell\n")
    for number in range(60_000):
        sys.stderr.write(f"line {number} {'x' * 100}\n")
    sys.stderr.write("the end\n")


def show_environment() -> None:
    note("environment", json.dumps(dict(os.environ)))


def wait_for_control() -> None:
    note("ready", os.getpid())
    while not Path("control.json").exists():
        time.sleep(0.01)
    note("stopped_runs", Path("control.json").read_text(encoding="utf-8"))


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def eat() -> None:
    """Holds 64 MiB in a child, until somebody asks it to stop."""
    if os.fork() == 0:
        held = bytearray(64 * 1024**2)
        note("eater", len(held))
        sleep()
    until_asked()


def fail_input() -> None:
    sys.stderr.write("learning_rate must be positive, got -1 (spec.yaml)\n")
    sys.exit(2)


def fail_environment() -> None:
    sys.stderr.write("the accelerator has too little memory for one run\n")
    sys.exit(3)


def fill_disk() -> None:
    sys.stderr.write("cannot write the metrics: No space left on device\n")
    sys.exit(2)


def break_off() -> None:
    raise ZeroDivisionError("a defect")


def result(n_stopped: int, n_failed: int = 0) -> None:
    counts = {"n_runs": 2, "n_finished": 2 - n_stopped - n_failed, "n_failed": n_failed, "n_stopped": n_stopped}
    sys.stdout.write("some library said this\n" + json.dumps({"sweep_id": "fake", **counts}, indent=2) + "\n")
    sys.exit(1 if n_stopped or n_failed else 0)


def finish() -> None:
    result(n_stopped=0)


def finish_partly() -> None:
    result(n_stopped=0, n_failed=1)


def main() -> None:
    """Does what the name says; what begins with `first_`, in the first attempt only."""
    os.chdir(sys.argv[1])
    for name in json.loads(Path("spec.yaml").read_text(encoding="utf-8"))["name"].split("-"):
        if not name.startswith("first_") or Path.cwd().name == "1":
            globals()[name.removeprefix("first_")]()
    result(n_stopped=1 if HEARD else 0)


if __name__ == "__main__":
    main()
