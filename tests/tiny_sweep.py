"""A real sweep of the tiny model: four runs of three steps, in about a second."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.store import Store
from runner.spec import load_sweep_spec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_progress import NoView
from tests.tiny_model import save_tiny_model

N_STEPS = 3


def train_tiny_sweep(folder: Path) -> Store:
    """Writes model, data and sweep file to `folder`, trains, and returns the store.

    The sweep file names its data by a relative path, and leaves some of the examples out.
    """
    save_tiny_model(folder / "tiny-llama")
    lines = [{"prompt": f"{a}+{b}=", "completion": str(a + b)} for a in range(1, 11) for b in range(1, 7)]
    (folder / "sums.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    (folder / "tiny.yaml").write_text(
        f"""
model: ./tiny-llama
dataset: {{path: sums.jsonl, format: prompt_completion, held_out: 10, max_examples: 50}}
axes: {{learning_rate: [1e-3, 1e-2]}}
seeds: 2
budget: {{steps: {N_STEPS}}}
training: {{batch_size: 4, lora_rank: 4, precision: float32, max_length: 64, target_modules: [q_proj, v_proj]}}
evaluation: {{max_examples: 10}}
""",
        encoding="utf-8",
    )
    store = Store.open(folder / "store", create=True)
    assert run_sweep(prepare_sweep(load_sweep_spec(folder / "tiny.yaml")), store, view=NoView()).is_complete
    return store
