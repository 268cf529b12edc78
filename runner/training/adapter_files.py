"""Adapters on disk, in PEFT format: what `peft.PeftModel.from_pretrained` loads."""

import errno
import os
import shutil
from pathlib import Path
from typing import Final

import psutil

from analysis.errors import StoreError
from analysis.store import Store, artifact_dir
from runner.training.adapters import Adapter
from runner.training.tensor_files import save_tensors

_DRAFT: Final = ".inprogress-"


def adapter_folder(store: Store, run_id: str, step: int | None = None) -> Path:
    """Where a run's adapter lies: the final one, or the one after so many steps."""
    return artifact_dir(store, run_id) / ("adapter" if step is None else f"adapter-step-{step}")


def save_adapter(adapter: Adapter, folder: Path, *, base_model: str) -> None:
    """Writes `adapter_config.json` and `adapter_model.safetensors` to `folder`, whole or not at all.

    The draft is named for the process, as two sweeps may train the same run at the same time.

    Raises:
        StoreError: there is no room, or the disk fails; the adapter that was there stays.
    """
    draft = folder.with_name(f".{folder.name}{_DRAFT}{os.getpid()}")
    _clear_drafts(folder)
    try:
        draft.mkdir(parents=True)
        _write(adapter, draft, base_model)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except OSError as problem:
        reason = os.strerror(problem.errno or errno.EIO)
        raise StoreError(f"cannot write the adapter {str(folder)!r}: {reason}") from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _clear_drafts(folder: Path) -> None:
    """Removes what killed processes left of this adapter: a run that goes on saves it again."""
    for draft in folder.parent.glob(f".{folder.name}{_DRAFT}[0-9]*"):
        pid = int(draft.name.rpartition("-")[2])
        if pid == os.getpid() or not psutil.pid_exists(pid):
            shutil.rmtree(draft, ignore_errors=True)


def _write(adapter: Adapter, folder: Path, base_model: str) -> None:
    from peft import LoraConfig  # takes as long to import as torch, and is first needed when a trial ends

    shape = adapter.shape
    config = LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        target_modules=list(shape.target_modules),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base_model,
        inference_mode=True,
    )
    config.save_pretrained(str(folder))
    save_tensors(adapter.state_dict(), folder / "adapter_model.safetensors", metadata={"format": "pt"})
