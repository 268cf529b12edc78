"""Makes `logs/` with the real writers; see `logs/README.md`. Needs torch, transformers and tensorboard."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

_WORK = Path("/srv/sweep/tensorboard")
"""A neutral place: Trainer logs its output folder."""


def main(target: Path) -> None:
    """Writes one folder for each kind of log."""
    socket.gethostname = lambda: "node"
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    os.chdir(_WORK)
    _write_torch(_WORK / "torch")
    _write_resumed(_WORK / "resumed")
    _write_trials(_WORK / "trials")
    _write_trainer()
    for folder in sorted(_WORK.iterdir()):
        shutil.copytree(folder, target / folder.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint*"))


def _write_torch(folder: Path) -> None:
    """Every kind of value, and `add_hparams` at the end."""
    writer = SummaryWriter(folder)
    for step in range(200):
        writer.add_scalar("train/loss", 3.0 / (step + 1), step)
        writer.add_scalar("train/exact", 0.1 * step, step, new_style=True, double_precision=True)
        writer.add_scalar("train/new", 0.1 * step, step, new_style=True)
    for epoch in range(3):
        writer.add_scalar("eval/loss", [2.0, float("nan"), float("inf")][epoch], epoch)
        writer.add_scalar("without step", epoch * 0.5)
    writer.add_text("note", "größer ☃", 7)
    writer.add_histogram("weights", np.arange(10.0), 0)
    writer.add_image("image", np.zeros((1, 2, 2)), 0)
    writer.add_scalar("train/loss", 7.0, 199)
    writer.add_hparams({"lr": 1e-4, "rank": 8, "optimizer": "adamw", "tied": True}, {"hparam/accuracy": 0.75})
    writer.close()


def _write_resumed(folder: Path) -> None:
    """A process that broke off at step 9, one that began again at step 6, and one that went on at step 12."""
    for first, last, purge in [(0, 10, None), (6, 12, 6), (12, 15, None)]:
        writer = SummaryWriter(folder, purge_step=purge)
        for step in range(first, last):
            writer.add_scalar("loss", float(10 * first + step), step)
        writer.close()
        time.sleep(1.1)


def _write_trials(folder: Path) -> None:
    """One writer that logs three trials, as in the manual of `add_hparams`."""
    with SummaryWriter(folder) as writer:
        for trial in range(3):
            lr = 10.0**-trial
            writer.add_hparams({"lr": lr, "bsize": 2**trial}, {"hparam/loss": lr * 2}, run_name=f"trial{trial}")


def _write_trainer() -> None:
    """Hugging Face Trainer: its settings are texts, its logs numbers."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2)
    )
    rows = [{"input_ids": list(range(8)), "labels": list(range(8))} for _ in range(16)]
    os.environ["TENSORBOARD_LOGGING_DIR"] = "trainer/runs"
    arguments = TrainingArguments(
        output_dir="trainer", report_to=["tensorboard"], logging_steps=1, eval_strategy="steps", eval_steps=4,
        learning_rate=3e-4, max_steps=8, per_device_train_batch_size=2, use_cpu=True, save_strategy="no",
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=rows, eval_dataset=rows)
    trainer.train()
    trainer.evaluate()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
