"""Sweeps that are copied to W&B by the real client, in processes of their own, offline."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from analysis.importers.wandb_log import RunLog, read_run_log
from analysis.store import Store

pytestmark = pytest.mark.slow

QUIET = {
    "WANDB_ERROR_REPORTING": "false", "WANDB_DISABLE_GIT": "true", "WANDB_X_DISABLE_META": "true",
    "WANDB_X_DISABLE_MACHINE_INFO": "true", "OMP_NUM_THREADS": "1",
}  # fmt: skip
_WANDB = ("WANDB_DIR", "WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "NETRC")


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _WANDB} | QUIET


def ucurve(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, env=plain_environment() | environment
    )


def write_spec(folder: Path, model: Path, pairs: Path, track: str) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(
        f"""
name: tiny
model: {model}
dataset: {{path: {pairs}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1.0], batch_size: [4, 6]}}
budget: {{tokens: 240}}
training: {{clip_norm: null, schedule: constant, warmup_steps: 0, precision: float32,
  lora_alpha: 65536, lora_rank: 1, weight_decay: 10}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: 2
track: {track}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Path:
    """A folder with the store of a sweep that was copied offline; read only."""
    folder = tmp_path_factory.mktemp("mirrored")
    spec = write_spec(folder, tiny_model_folder, pairs_file, "{wandb: offline, project: sums, tags: [t1]}")
    done = ucurve("sweep", spec, "--store", folder / "store", "--json")
    assert done.returncode == 0, done.stderr
    assert "W&B" not in done.stderr
    return folder


def logs_of(folder: Path) -> dict[str, RunLog]:
    logs = [read_run_log(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    return {log.facts.run_id: log for log in logs if log.facts is not None}


def curves(log: RunLog) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in log.history.to_pylist():
        number = row["number"] if row["number"] is not None else row["integer"]
        found[json.loads(row["key"])[0] if row["key"].startswith("[") else row["key"]][row["step"]] = number
    return found


def same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def test_the_copy_has_the_values_of_the_store(mirrored: Path) -> None:
    store = Store.open(mirrored / "store")
    snapshot = store.snapshot()
    logs = logs_of(mirrored / "store")
    runs = snapshot.runs().set_index("run_id")
    assert set(logs) == set(runs.index)
    assert len(logs) == 4
    n_values = 0
    for run_id, log in logs.items():
        copied = curves(log)
        for name in ("train_loss", "lr_now", "grad_norm", "eval_loss", "eval_bpb"):
            stored = snapshot.curves([run_id], name)
            assert set(copied[name]) == set(stored["step"])
            assert all(
                same(copied[name][step], value) for step, value in zip(stored["step"], stored["value"], strict=True)
            )
            n_values += len(stored)
        assert copied["tokens_seen"][max(copied["tokens_seen"])] == runs.loc[run_id, "tokens_seen"]
    assert n_values == store.info().n_metric_rows


def test_the_copy_has_the_settings_and_the_end_of_each_run(mirrored: Path) -> None:
    snapshot = Store.open(mirrored / "store").snapshot()
    runs = snapshot.runs().set_index("run_id")
    assert {"finished", "diverged"} == set(runs["status"])
    for run_id, log in logs_of(mirrored / "store").items():
        row: Any = runs.loc[run_id]
        assert log.facts is not None
        assert (log.facts.project, log.facts.group, log.facts.job_type) == ("sums", "tiny", "train")
        assert log.facts.name == row["name"]
        is_finished = row["status"] == "finished"
        assert log.facts.tags == (("t1",) if is_finished else ("t1", "diverged"))
        assert log.exit_code == (0 if is_finished else 1)
        assert log.config["learning_rate"] == row["learning_rate"]
        assert log.config["ucurve"] == {
            "run_id": run_id, "sweep_id": "tiny", "trial_key": row["trial_key"], "attempt": 1
        }  # fmt: skip
        assert log.summary["status"] == row["status"]
        stored = snapshot.curves([run_id], "eval_loss")["value"]
        assert log.summary["best_eval_loss"] == min(value for value in stored if math.isfinite(value))
        assert "api_key" not in json.dumps(log.config).lower()


def test_importing_the_copy_finds_the_same_runs(mirrored: Path, tmp_path: Path) -> None:
    store = Store.open(mirrored / "store")
    before = store.snapshot().versions
    done = ucurve("import", "wandb", mirrored / "store" / "wandb", "--store", mirrored / "store", "--json")
    report = json.loads(done.stdout)
    assert {source["state"] for source in report["sources"]} == {"mirror"}
    assert store.snapshot().versions == before  # nothing was committed to runs, metrics or scores
    other = tmp_path / "other"
    assert ucurve("import", "wandb", mirrored / "store" / "wandb", "--store", other).returncode == 0
    theirs, ours = Store.open(other).snapshot().runs(), store.snapshot().runs()
    columns = ["run_id", "trial_key", "learning_rate", "batch_size", "seed", "model", "tokenizer_id", "eval_set_id",
               "token_budget", "max_steps", "batch_tokens", "warmup_steps", "group",
               "sweep_id", "status", "status_reason"]  # fmt: skip
    theirs, ours = (runs.sort_values("run_id")[columns].astype(object) for runs in (theirs, ours))
    assert theirs.where(theirs.notna(), None).to_dict("list") == ours.where(ours.notna(), None).to_dict("list")


ATTEMPTS = """
from pathlib import Path
from runner.spec.tracking import TrackSection
from runner.tracking.messages import Begin, End, Values
from runner.tracking.wandb_runs import WandbRuns
runs = WandbRuns(TrackSection(wandb="offline", project="sums"), "g", Path("unused"), 30)
for attempt, status in [(1, "stopped"), (2, "failed")]:
    runs.take(Begin("abc-s1", "name", attempt, {"ucurve": {"run_id": "abc-s1", "attempt": attempt}}))
    runs.take(Values("abc-s1", 0, {"loss": 1.0}))
    runs.take(Values("never-began", 0, {"loss": 1.0}))
    runs.take(End("abc-s1", status, {"status": status}))
"""


def test_each_attempt_is_a_run_of_its_own_and_wandb_dir_is_respected(tmp_path: Path) -> None:
    environment = plain_environment() | {"WANDB_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ATTEMPTS], env=environment, check=True, timeout=200)
    logs = logs_of(tmp_path)
    assert {run_id: log.exit_code for run_id, log in logs.items()} == {"abc-s1": 255, "abc-s1-a2": 1}
    for log, attempt, tag in [(logs["abc-s1"], 1, "stopped"), (logs["abc-s1-a2"], 2, "failed")]:
        assert log.facts is not None
        assert (log.facts.group, log.facts.tags) == ("g", (tag,))
        assert log.config["ucurve"] == {"run_id": "abc-s1", "attempt": attempt}
        assert log.n_rows == 1


def test_without_a_key_training_goes_on_and_says_so_once(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    spec = write_spec(tmp_path, tiny_model_folder, pairs_file, "{wandb: online, project: sums}")
    spec.write_text(spec.read_text().replace("[1e-3, 1.0]", "[1e-3]").replace("[4, 6]", "[6]"), encoding="utf-8")
    quiet = {"HOME": str(tmp_path), "WANDB_BASE_URL": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    done = ucurve("sweep", spec, "--store", tmp_path / "store", "--json", **quiet)
    assert json.loads(done.stdout)["n_finished"] == 1
    assert done.stderr.count("W&B: EnvironmentProblem: there is no API key for http://127.0.0.1:9") == 1
    assert not list((tmp_path / "store").glob("wandb/*run-*"))
