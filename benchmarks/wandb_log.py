"""How long does a W&B log of 100,000 rows x 10 metrics take to read, and how much memory?

`python -m benchmarks.wandb_log` has the real client write the log offline (a minute or two), then reads it in a process
of its own, 3 times: seconds of `read_run_log` on the clock and of the CPU, the import of wandb among them, and the peak
memory of the process. Reading uses one core; the load average says what else the machine had to do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from analysis.importers.wandb_log import read_run_log

N_ROWS: Final = 100_000
N_METRICS: Final = 10
_OFFLINE: Final = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_X_DISABLE_STATS": "true",
    "WANDB_X_DISABLE_META": "true",
    "WANDB_X_DISABLE_MACHINE_INFO": "true",
}


def write_log(folder: Path) -> None:
    """The rows, by the client."""
    import wandb

    with wandb.init(project="benchmark", id="large", dir=folder) as run:
        for _ in range(N_ROWS):
            run.log({f"metric_{number}": random.random() for number in range(N_METRICS)})  # noqa: S311


def read_log(path: Path) -> None:
    """Reads the log once and prints what it took."""
    clock, cpu = time.perf_counter(), time.process_time()
    log = read_run_log(path)
    figures = {
        "wall_s": time.perf_counter() - clock,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "n_rows": log.n_rows,
        "n_values": log.history.num_rows,
        "verdict": log.verdict,
    }
    print(json.dumps(figures))


def _call(option: str, path: Path) -> str:
    """This module in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, option, str(path)]
    environment = os.environ | _OFFLINE | {"HOME": str(path if path.is_dir() else path.parent)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def compare(folder: Path, repeats: int = 3) -> None:
    """Writes, reads, and writes `results/wandb_log.json`."""
    # Not at the top: it imports torch, which would count as memory of the process that reads.
    from benchmarks.report import median, write_result

    _call("--write", folder)
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    load = os.getloadavg()[0]
    asked = [json.loads(_call("--read", path)) for _ in range(repeats)]
    middle = {name: median([one[name] for one in asked]) for name in ("wall_s", "cpu_s", "peak_mb")}
    figures = asked[0] | middle | {
        "wall_s_of_each": [one["wall_s"] for one in asked],
        "file_mb": path.stat().st_size / 1e6,
        "rows_per_cpu_s": N_ROWS / middle["cpu_s"],
        "rows_per_s": N_ROWS / middle["wall_s"],
        "load_average_before": load,
    }  # fmt: skip
    write_result("wandb_log", "python -m benchmarks.wandb_log", figures)


def main() -> None:
    """Without options: the benchmark; with one: its half, for the child processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    halves: dict[str, Callable[[Path], None]] = {"write": write_log, "read": read_log}
    for half in halves:
        parser.add_argument(f"--{half}", metavar="PATH", type=Path, help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    for half, run in halves.items():
        if options[half]:
            run(options[half])
            return
    with tempfile.TemporaryDirectory() as temporary:
        compare(Path(temporary))


if __name__ == "__main__":
    main()
