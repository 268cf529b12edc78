"""How long does a W&B log of 100,000 rows x 10 metrics take to read and to import, and how much memory?

`python -m benchmarks.wandb_log` has the real client write the log offline (a minute or two), then in turn, 3 times,
each in a process of its own:

- reads it: `read_run_log`, the import of wandb among the time;
- imports it into a new store: from the call of `import_from` to its return, the start of the reading process among it;
- has W&B's own `leet inspect --json` of the installed client write it out as JSON, to nowhere.

Given are seconds on the clock and of all CPUs, and the peak memory of each process; the load average says what else the
machine had to do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

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
_MIDDLE: Final[tuple[str, ...]] = ("wall_s", "cpu_s", "peak_mb", "reader_peak_mb")
"""Figures of which the median is given."""


def write_log(folder: Path) -> None:
    """The rows, by the client."""
    import wandb

    with wandb.init(project="benchmark", id="large", dir=folder) as run:
        for _ in range(N_ROWS):
            run.log({f"metric_{number}": random.random() for number in range(N_METRICS)})  # noqa: S311


def read_log(path: Path) -> None:
    """Reads the log once and prints what it took."""
    from analysis.importers.wandb_log import read_run_log

    clock, cpu = time.perf_counter(), _cpu_s()
    log = read_run_log(path)
    _say(clock, cpu, {"n_rows": log.n_rows, "n_values": log.history.num_rows, "verdict": log.verdict})


def import_log(path: Path) -> None:
    """Imports the log into a new store once and prints what it took."""
    from analysis.importers.registry import KINDS
    from analysis.importers.sink import import_from
    from analysis.importers.source import Request
    from analysis.store import Store

    kinds = [kind for kind in KINDS if kind.name == "wandb"]
    request = Request(targets=(str(path),), now=time.time())
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        clock, cpu = time.perf_counter(), _cpu_s()
        (line,) = import_from(kinds, request, store).lines
        reader_peak_mb = _peak_of_children_mb()
        result = line.result
        said = {"reader_peak_mb": reader_peak_mb, "n_rows": result.rows_got, "verdict": result.verdict}
        _say(clock, cpu, said)


def inspect_log(path: Path) -> None:
    """Lets W&B's own tool write the log as JSON and prints what that took."""
    from wandb.util import get_core_path

    clock, cpu = time.perf_counter(), _cpu_s()
    command = [get_core_path(), "leet", "inspect", "-json", "-no-observability", "-run-file", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    _say(clock, cpu, {"peak_mb": _peak_of_children_mb()})


def compare(folder: Path, repeats: int = 3) -> None:
    """Writes, reads, imports, and writes `results/wandb_log.json`."""
    # Not at the top: it imports torch, which would count as memory of the process that reads.
    from benchmarks.report import write_result

    _call("write", folder)
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    asked: dict[str, list[dict[str, float]]] = {"read": [], "import": [], "inspect": []}
    loads = [os.getloadavg()[0]]
    for _ in range(repeats):
        for half, figures in asked.items():
            figures.append(json.loads(_call(half, path)))
            loads.append(os.getloadavg()[0])
    result = {half: _middle(figures) for half, figures in asked.items()}
    size = {"n_rows": N_ROWS, "n_metrics": N_METRICS, "file_mb": path.stat().st_size / 1e6}
    write_result("wandb_log", "python -m benchmarks.wandb_log", {**size, **result, "load_averages": loads})


def _middle(asked: list[dict[str, float]]) -> dict[str, object]:
    """Medians of the measured figures, the others as they are."""
    from benchmarks.report import median

    middle: dict[str, float] = {name: median([one[name] for one in asked]) for name in _MIDDLE if name in asked[0]}
    each = {"wall_s_of_each": [one["wall_s"] for one in asked]}
    rates = {"rows_per_s": N_ROWS / middle["wall_s"], "rows_per_cpu_s": N_ROWS / middle["cpu_s"]}
    return {**asked[0], **middle, **each, **rates}


def _cpu_s() -> float:
    """Seconds of the CPU that this process and its ended children have used."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak_mb() -> float:
    # Not getrusage: what it reports as the peak starts with the size of the process that forked this one.
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


def _peak_of_children_mb() -> float:
    """Of the largest child that has ended, at least what this process had when it started one."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _say(clock: float, cpu: float, figures: Mapping[str, object]) -> None:
    """Prints the time since `clock` and `cpu`, this process' peak, and the figures, as one JSON object."""
    taken = {"wall_s": time.perf_counter() - clock, "cpu_s": _cpu_s() - cpu, "peak_mb": _peak_mb()}
    print(json.dumps({**taken, **figures}))


def _call(half: str, path: Path) -> str:
    """This module in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, f"--{half}", str(path)]
    environment = os.environ | _OFFLINE | {"HOME": str(path if path.is_dir() else path.parent)}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Without options: the benchmark; with one: its half, for the child processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    halves: dict[str, Callable[[Path], None]] = {
        "write": write_log, "read": read_log, "import": import_log, "inspect": inspect_log,
    }  # fmt: skip
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
