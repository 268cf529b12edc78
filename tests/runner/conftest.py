"""A tiny model folder and a small data file for sweeps that take seconds."""

import json
import os
from pathlib import Path

import pytest
import torch

from tests.tiny_model import save_tiny_model

# Matrices this small gain nothing from threads, and test processes run side by side; also for the processes we start.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny-llama")


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 prompts with completions: add two numbers."""
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    lines = [{"prompt": f"{a}+{b}=", "completion": str(a + b)} for a in range(1, 11) for b in range(1, 7)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def spec_file(tmp_path: Path, tiny_model_folder: Path, pairs_file: Path) -> Path:
    """Three learning rates, the last of which diverges, at two batch sizes."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        f"""
name: tiny
model: {tiny_model_folder}
dataset: {{path: {pairs_file}, held_out: 10}}
axes:
  learning_rate: [1e-3, 1e-2, 1.0]
  batch_size: [2, 6]
budget: {{tokens: 240}}
training: {{clip_norm: null, schedule: constant, warmup_steps: 0, precision: float32,
  lora_alpha: 65536, lora_rank: 1, weight_decay: 10}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: 4
""",
        encoding="utf-8",
    )
    return path
