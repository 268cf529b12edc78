"""What the fork server imports: all that a worker and a sweep need, so that they begin at once."""

from importlib import import_module

import torch

for _name in (
    "peft",
    "runner.cli.app",
    "runner.cli.progress_view",
    "runner.evaluation.loading",
    "runner.sweep",
    "runner.sweep_control",
    "runner.sweep_status",
    "runner.worker.worker",
    "tests.faults.warm",
    "tests.runner.worker.fake_job",
    "transformers.models.llama.modeling_llama",
):
    import_module(_name)
torch.set_num_threads(1)
