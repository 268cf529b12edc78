"""`ucurve sweep` as a user runs it, in a process of its own: Ctrl-C, kill -9, dry run, wrong input."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.store import Store
from analysis.store.marker import MARKER

KILLS = 3
SEED = 20260101


def ucurve(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "runner.cli", *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(ucurve(*arguments), capture_output=True, text=True, timeout=120, check=False)


def wait_for_metrics(store: Path, process: subprocess.Popen[str]) -> None:
    """Until the process has stored some, or is over."""

    def commits() -> int:
        return len(list((store / "metrics" / "_delta_log").glob("*.json")))

    before, deadline = max(commits(), 1), time.monotonic() + 60  # the first makes the table
    while time.monotonic() < deadline and process.poll() is None and commits() <= before:
        time.sleep(0.05)


def test_dry_run_prints_the_plan_and_trains_nothing(spec_file: Path, tmp_path: Path) -> None:
    done = run("sweep", spec_file, "--store", tmp_path / "s", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "6 runs, 6 configurations" in done.stdout
    assert "larger batches take fewer steps" in done.stdout
    assert not (tmp_path / "s").exists()
    plan = json.loads(run("sweep", spec_file, "--dry-run", "--json").stdout)
    assert plan["n_runs"] == len(plan["runs"]) == 6


def test_json_outcome_and_exit_code(spec_file: Path, tmp_path: Path) -> None:
    done = run("sweep", spec_file, "--store", tmp_path / "s", "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert outcome["n_finished"] + outcome["n_diverged"] == outcome["n_runs"] == 6
    assert outcome["tokens_per_s"] > 0
    assert "finished: lr" in done.stderr


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (("1e-3, 1e-2", '"1e-3", 1e-2'), 2, "without quotes"),
        (("budget:", "budgets:"), 2, "budget"),
        (("tiny-llama", "no-such-folder"), 2, "no config.json"),
    ],
)
def test_wrong_input_is_one_sentence(
    spec_file: Path, tmp_path: Path, change: tuple[str, str], code: int, sentence: str
) -> None:
    spec_file.write_text(spec_file.read_text().replace(*change))
    done = run("sweep", spec_file, "--store", tmp_path / "s")
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s").exists()


def slow_spec(spec_file: Path, tokens: int = 4000) -> Path:
    """The same sweep, long enough to be interrupted."""
    text = (
        spec_file.read_text()
        .replace("tokens: 240", f"tokens: {tokens}")
        .replace("lora_alpha: 65536, lora_rank: 1, weight_decay: 10", "lora_alpha: 8")
    ) + "checkpoint: {every_minutes: null, every_steps: 20}\n"
    spec_file.write_text(text)
    return spec_file


def test_ctrl_c_stops_cleanly(spec_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    process = subprocess.Popen(
        ucurve("sweep", slow_spec(spec_file), "--store", store),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for_metrics(store, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopping after this step" in said
    assert "Traceback" not in said
    statuses = set(Store.open(store).snapshot().runs()["status"])
    assert "stopped" in statuses
    assert statuses <= {"stopped", "finished", "diverged"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_at_random_moments_loses_at_most_the_last_flush(spec_file: Path, tmp_path: Path) -> None:
    """After each of three kills (tests/faults has thirty) the store is sound and whole; a last run completes it."""
    store, rng = tmp_path / "s", random.Random(SEED)  # noqa: S311 - moments of kills, no secrets
    spec = slow_spec(spec_file, tokens=1500)
    n_finished = n_metrics = 0
    for _ in range(KILLS):
        process = subprocess.Popen(ucurve("sweep", spec, "--store", store), stderr=subprocess.DEVNULL, text=True)
        if rng.random() < 0.7:
            wait_for_metrics(store, process)
        time.sleep(rng.uniform(0, 3))
        process.kill()
        if process.wait() == 0:
            break  # it was faster than the kills
        assert process.returncode == -signal.SIGKILL
        if not (store / MARKER).exists():
            continue  # killed before there was a store
        opened = Store.open(store, create=True)  # killed between the marker and the tables: this makes the rest
        assert opened.check() == [], f"seed {SEED}"
        assert opened.info().n_metric_rows >= n_metrics
        n_metrics = opened.info().n_metric_rows
        runs = opened.snapshot().runs()
        finished = int((runs["status"] == "finished").sum())
        assert finished >= n_finished
        n_finished = finished
        for run_id in runs.loc[runs["status"] == "finished", "run_id"]:
            curve = opened.snapshot().curves([run_id], "train_loss")
            assert curve["step"].tolist() == list(range(len(curve)))
            assert len(curve) == int(runs.set_index("run_id").loc[run_id, "max_steps"])
    done = run("sweep", spec, "--store", store)
    assert done.returncode == 0, done.stderr
    runs = Store.open(store).snapshot().runs()
    assert set(runs["status"]) == {"finished"}
    assert len(runs) == 6
