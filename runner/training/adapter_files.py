"""Adapters on disk, in PEFT format: what `peft.PeftModel.from_pretrained` loads."""

import os
import shutil
from pathlib import Path

from safetensors.torch import save_file

from analysis.store import Store, artifact_dir
from runner.training.adapters import Adapter


def adapter_folder(store: Store, run_id: str, step: int | None = None) -> Path:
    """Where a run's adapter lies: the final one, or the one after so many steps."""
    return artifact_dir(store, run_id) / ("adapter" if step is None else f"adapter-step-{step}")


def save_adapter(adapter: Adapter, folder: Path, *, base_model: str) -> None:
    """Writes `adapter_config.json` and `adapter_model.safetensors` to `folder`, whole or not at all."""
    from peft import LoraConfig  # takes as long to import as torch, and is first needed when a trial ends

    partial = folder.with_name(f".{folder.name}.inprogress-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
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
    config.save_pretrained(str(partial))
    save_file(adapter.state_dict(), str(partial / "adapter_model.safetensors"), metadata={"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
