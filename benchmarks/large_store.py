"""How long does "which learning rate is best for each setting?" take on a large store? Beside pandas and MLflow.

`python -m benchmarks.large_store --mlflow-python PATH` makes up 50 settings x 10 learning rates x 10 seeds = 5,000 runs
of 500 steps with 4 metrics (10 million values), writes them as a Ucurve store and as one file of JSON lines a run, and
asks each the same question from a cold process, imports included: the mean final eval_loss over seeds by learning rate,
and its minimum, for each setting. `ucurve lr-curve` computes optimum, interval, regret and the rest with it. MLflow
takes too long to fill with all of it, so that all are asked again about the first 5 settings: 500 runs, 1 million
values.

PATH is the Python of an environment that has mlflow (`python -m venv ENV && ENV/bin/pip install mlflow`); without it
MLflow is left out. Asked in turn, medians of 3. Most of the time goes into writing the runs; `--keep DIR` keeps them
there, and the next time only asks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.large_sweep import LEARNING_RATES, METRICS, N_SEEDS, N_STEPS, SETTINGS, large_runs, write_store

_RIVALS = Path(__file__).with_name("large_store_rivals.py")
_SMALL = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One cold question: seconds, those on a core, peak memory in MB, and the answer (setting -> rate)."""

    seconds: float
    cpu_s: float
    peak_mb: float | None
    answer: dict[str, float]


def write_json_lines(folder: Path, n_settings: int) -> None:
    """One file of JSON lines a run, as trackers without a database write them, its configuration beside it."""
    folder.mkdir(parents=True)
    for run in large_runs(n_settings):
        (folder / f"{run.run_id}.json").write_text(json.dumps(run.config))
        values = run.values()
        lines = [
            json.dumps({"step": step, "tokens_seen": (step + 1) * 8192, "wall_time": 0.5 * step}
                       | {name: values[name][step] for name in METRICS})
            for step in range(N_STEPS)
        ]  # fmt: skip
        (folder / f"{run.run_id}.jsonl").write_text("\n".join(lines))


def fill_mlflow(folder: Path, python: str, n_settings: int) -> None:
    """The runs logged to a local MLflow database."""
    folder.mkdir(parents=True)
    with subprocess.Popen(
        [python, str(_RIVALS), "fill-mlflow", str(folder)], stdin=subprocess.PIPE, text=True
    ) as filler:
        assert filler.stdin is not None  # noqa: S101 - a pipe was asked for
        for run in large_runs(n_settings):
            filler.stdin.write(f"{json.dumps({'run_id': run.run_id, 'config': run.config, 'values': run.values()})}\n")
        filler.stdin.close()
        if filler.wait():
            raise SystemExit("MLflow could not be filled; see its message above.")


def ask(command: Sequence[str], read: Callable[[str], dict[str, float]]) -> Asked:
    """Runs a command to its end and reads its answer."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed.")
    # A child begins with its parent's peak: below that nothing is known.
    known = usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Asked(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024 if known else None, read(output))


def read_ucurve(output: str) -> dict[str, float]:
    """The best tried learning rate of each curve; a group names only what varies, the rest is as in the first one."""
    names = ("model", "lora_rank", "batch_size")
    settings = [dict(zip(names, SETTINGS[0], strict=True)) | curve["group"] for curve in json.loads(output)["curves"]]
    rates = [curve["argmin_lr"] for curve in json.loads(output)["curves"]]
    return {
        f"{setting['model']} {setting['lora_rank']:g} {setting['batch_size']:g}": rate
        for setting, rate in zip(settings, rates, strict=True)
    }


def ask_warm(store: Path) -> dict[str, float]:
    """Seconds of later questions in a process that has asked before: anew, and from the dashboard's cache."""
    from analysis.lr_curves.compute import compute_lr_curves
    from analysis.store import Store
    from pages._data import load_lr_curves
    from pages._view import View

    opened = Store.open(store)
    snapshot = opened.snapshot()
    runs = snapshot.runs()
    view = View(
        store=opened, snapshot=snapshot, where=(), metric="eval_loss", direction="min", runs=runs, all_runs=runs
    )
    questions: dict[str, Callable[[], object]] = {
        "computed_again": lambda: compute_lr_curves(opened.snapshot().results("eval_loss"), metric="eval_loss"),
        "from_the_dashboards_cache": lambda: load_lr_curves(view),
    }
    seconds = {}
    for name, question in questions.items():
        question()
        times = []
        for _ in range(5):
            started = time.perf_counter()
            question()
            times.append(time.perf_counter() - started)
        seconds[name] = median(times)
    return seconds


def compare(folder: Path, n_settings: int, mlflow_python: str | None, repeats: int) -> dict[str, object]:
    """Asks everybody about one size, in turn; what is not there yet is written first."""
    store, lines, mlflow = (folder / f"{name}-{n_settings}" for name in ("store", "jsonl", "mlflow"))
    if not store.exists():
        write_store(store, n_settings)
    if not lines.exists():
        write_json_lines(lines, n_settings)
    if mlflow_python and not mlflow.exists():
        fill_mlflow(mlflow, mlflow_python, n_settings)
    ucurve = [sys.executable, "-m", "runner.cli", "lr-curve", "--store", str(store), "--json"]
    askers: dict[str, tuple[list[str], Callable[[str], dict[str, float]]]] = {
        "ucurve": (ucurve, read_ucurve),
        "pandas_json_lines": ([sys.executable, str(_RIVALS), "pandas", str(lines)], json.loads),
        "last_json_lines": ([sys.executable, str(_RIVALS), "last-lines", str(lines)], json.loads),
    }
    if mlflow_python:
        askers["mlflow_sqlite"] = ([mlflow_python, str(_RIVALS), "mlflow", str(mlflow)], json.loads)
    asked: dict[str, list[Asked]] = {name: [] for name in askers}
    for _ in range(repeats):
        for name, (command, read) in askers.items():
            asked[name].append(ask(command, read))
    ours = asked["ucurve"]
    return {
        "n_runs": n_settings * len(LEARNING_RATES) * N_SEEDS,
        "n_values": n_settings * len(LEARNING_RATES) * N_SEEDS * N_STEPS * len(METRICS),
        "cold_s": {name: {"median": median([one.seconds for one in all_]), "all": [one.seconds for one in all_]}
                   for name, all_ in asked.items()},
        "times_ucurve": {name: median([theirs.seconds / our.seconds for theirs, our in zip(all_, ours, strict=True)])
                         for name, all_ in asked.items() if name != "ucurve"},
        "cpu_s": {name: median([one.cpu_s for one in all_]) for name, all_ in asked.items()},
        "peak_mb": {name: max((one.peak_mb for one in all_ if one.peak_mb), default=None)
                    for name, all_ in asked.items()},
        "same_answer": {name: all(one.answer == ours[0].answer for one in all_) for name, all_ in asked.items()},
    }  # fmt: skip


def main() -> None:
    """Reads the options, asks, writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlflow-python", metavar="PATH", help="Python of an environment that has mlflow.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="Write the runs here and keep them.")
    parser.add_argument("--repeats", metavar="N", type=int, default=3)
    options = parser.parse_args()
    if options.mlflow_python is None:
        print("MLflow is left out: name the Python of an environment that has it with --mlflow-python.")
    with tempfile.TemporaryDirectory() as temporary:
        run(options.keep or Path(temporary), options.mlflow_python, options.repeats)


def run(folder: Path, mlflow_python: str | None = None, repeats: int = 3) -> None:
    """Asks about both sizes and writes `results/large_store.json`."""
    load_before = os.getloadavg()[0]
    sizes = {"all_settings": (len(SETTINGS), None), f"first_{_SMALL}_settings": (_SMALL, mlflow_python)}
    figures: dict[str, object] = {
        name: compare(folder, n_settings, python, repeats) for name, (n_settings, python) in sizes.items()
    }
    figures["warm_s"] = {name: ask_warm(folder / f"store-{n_settings}") for name, (n_settings, _) in sizes.items()}
    figures["load_average_before"] = load_before
    from benchmarks.report import write_result  # loads torch, which every process started later would count as its own

    command = "python -m benchmarks.large_store" + (" --mlflow-python PATH" if mlflow_python else "")
    write_result("large_store", command, figures)


if __name__ == "__main__":
    main()
