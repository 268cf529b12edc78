"""What a dry run says of this machine and this store."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.store import Store, artifact_dir
from runner.cli.forecast_view import print_forecast
from runner.spec import load_sweep_spec
from runner.spec.plan import FORWARD_SHARE
from runner.sweep import PreparedSweep, prepare_sweep, run_sweep
from runner.sweep_forecast import forecast
from runner.sweep_progress import NoView
from runner.training.estimate import estimate_pack
from runner.training.memory import PackLimits
from runner.training.session import TrainingSession

CLI = Path(__file__).parents[2] / "docs" / "cli.md"


def prepared(spec_file: Path) -> PreparedSweep:
    return prepare_sweep(load_sweep_spec(spec_file))


def test_before_there_is_a_store_nothing_is_done_and_the_time_is_unknown(spec_file: Path, tmp_path: Path) -> None:
    found = forecast(prepared(spec_file), tmp_path / "no" / "store")
    document = found.to_json()
    assert (document["n_done"], document["n_todo"], document["expected_s"], document["tokens_per_s"]) == (
        0,
        6,
        None,
        None,
    )
    assert document["device"] == found.device
    assert not (tmp_path / "no").exists()


def test_the_estimate_without_weights_is_the_sessions_own(spec_file: Path) -> None:
    sweep = prepared(spec_file)
    limits = PackLimits(n_slots=3, micro_batch_tokens=512)
    estimate = estimate_pack(sweep.folder, sweep.plan.trials, sweep.data_of, limits)
    pack = TrainingSession(sweep.folder, sweep.plan.trials, sweep.data_of, limits).pack
    assert estimate.pack.base_bytes == pytest.approx(pack.base_bytes, rel=0.01)  # the session does not count norms
    assert replace(estimate.pack, base_bytes=0) == replace(pack, base_bytes=0)
    assert estimate.n_bytes > estimate.pack.base_bytes > 0


def test_after_some_runs_the_rest_takes_what_they_took(
    spec_file: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = prepared(spec_file)
    first, second, *_ = [p.trial.run_id for p in sweep.plan.trials]
    run_sweep(sweep, store, view=NoView(), stop_runs=lambda: frozenset({second}))
    found = forecast(sweep, Path(store.location))
    document = found.to_json()
    assert (document["n_done"], document["n_todo"]) == (5, 1)
    runs = {run["run_id"]: (run["is_done"], run["status"]) for run in document["runs"]}  # type: ignore[attr-defined]
    assert runs[second] == (False, "stopped")
    assert runs[first][0]
    assert found.speed is not None
    left = found.todo[0].processed_tokens + FORWARD_SHARE * found.todo[0].evaluated_tokens
    assert found.expected_s == pytest.approx(left / found.speed.tokens_per_s)
    assert found.speed.sweep_id == "tiny"
    print_forecast(found)
    printed = capsys.readouterr().out
    assert "5 runs are in the store already; 1 are left to train" in printed
    assert "tokens/s (measured in sweep 'tiny' on 20" in printed
    assert re.search(r"Memory: about \d+\.\d MiB of .* that are free, 1 trial at once\.", printed)


def test_the_disk_estimate_counts_what_is_kept(spec_file: Path, store: Store) -> None:
    sweep = prepared(spec_file)
    expected = forecast(sweep, Path(store.location)).adapter_bytes
    run_sweep(sweep, store, view=NoView())
    runs = store.snapshot().runs()
    finished = runs.loc[runs["status"] == "finished", "run_id"]
    on_disk = [artifact_dir(store, run_id) / "adapter" / "adapter_model.safetensors" for run_id in finished]
    assert expected / 6 == pytest.approx(sum(path.stat().st_size for path in on_disk) / len(on_disk), rel=0.5)


def test_too_little_memory_is_said(spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.training.estimate.free_memory_bytes", lambda _device: 2**20)
    document = forecast(prepared(spec_file), tmp_path / "store").to_json()
    assert document["memory"] is None
    assert "one trial needs about" in str(document["memory_problem"])


def test_every_key_is_documented(spec_file: Path, tmp_path: Path) -> None:
    document = forecast(prepared(spec_file), tmp_path / "store").to_json()
    section = CLI.read_text(encoding="utf-8").split("## `ucurve sweep`")[1].split("\n## ")[0]
    nested = [document["memory"], document["disk"], document["runs"][0]]  # type: ignore[index]
    keys = {*document, *(key for part in nested for key in part)}
    spared = {"trained_tokens", "processed_tokens", "evaluated_tokens"}
    assert not {key for key in keys - spared if f"`{key}`" not in section}
    assert torch.get_default_device() == torch.device("cpu")  # the model without weights leaves nothing behind
