"""Adapters are published whole, and what a killed process left of one does not stay."""

import os
import subprocess
from pathlib import Path

import pytest
from safetensors import SafetensorError

from analysis.errors import StoreError
from runner.training.adapter_files import save_adapter
from runner.training.adapters import Adapter, AdapterShape


def save(folder: Path, rank: int = 2) -> None:
    shape = AdapterShape(rank=rank, alpha=4.0, dropout=0.0, target_modules=("q_proj",))
    save_adapter(Adapter(shape, {"layers.0.q_proj": (4, 4)}, seed=0), folder, base_model="tiny")


def test_what_killed_processes_left_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    of_dead, of_living = (tmp_path / f".adapter.inprogress-{pid}" for pid in (ended.pid, os.getppid()))
    own, of_another = (
        tmp_path / f".adapter.inprogress-{os.getpid()}",
        tmp_path / f".adapter-step-6.inprogress-{ended.pid}",
    )
    for draft in (of_dead, of_living, own, of_another):
        draft.mkdir()
        (draft / "adapter_model.safetensors").write_text("half")
    save(tmp_path / "adapter")
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", of_living.name, of_another.name}
    assert {path.name for path in (tmp_path / "adapter").glob("adapter_*")} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_a_save_that_fails_is_a_sentence_and_leaves_the_one_before_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    save(tmp_path / "adapter")
    before = (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes()
    monkeypatch.setattr("runner.training.tensor_files.save_file", full)
    with pytest.raises(StoreError, match=r"cannot write the adapter '.*/adapter': No space left on device$"):
        save(tmp_path / "adapter", rank=3)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
    assert (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes() == before
