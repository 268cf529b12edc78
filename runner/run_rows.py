"""What the store is told about a run of a sweep."""

import json
import platform
import socket
from collections.abc import Mapping
from importlib.metadata import version

from analysis.store import RunRow
from runner.data.dataset import Dataset
from runner.spec.plan import SequenceStats, TrialPlan

PACKAGES = ("ucurve", "torch", "transformers", "peft", "deltalake", "numpy")


def planned_row(
    plan: TrialPlan,
    *,
    sweep_id: str,
    dataset: Dataset,
    stats: SequenceStats,
    tokenizer_id: str,
    model_config: Mapping[str, object],
) -> RunRow:
    """The run's row before it starts: status `queued` and everything that was configured.

    Args:
        plan: The trial and its steps.
        sweep_id: The sweep it belongs to.
        dataset: For the identity of the evaluated examples.
        stats: For the mean trained tokens of a step.
        tokenizer_id: Digest of the tokenizer.
        model_config: Facts about the base model that analyses use offline, such as `model_hidden_size`.
    """
    trial = plan.trial
    config = dict(trial.config) | {"seed": trial.seed} | dict(model_config)
    same_name = ("model", "dataset", "objective", "adapter", "learning_rate", "lr_schedule", "batch_size", "lora_rank",
                 "lora_alpha", "lora_dropout", "target_modules", "weight_decay", "clip_kind", "clip_value", "optimizer",
                 "epochs", "token_budget")  # fmt: skip
    return {name: config[name] for name in same_name} | {
        "run_id": trial.run_id,
        "trial_key": trial.trial_key,
        "source": "local",
        "sweep_id": sweep_id,
        "group": sweep_id,
        "name": f"lr {trial.learning_rate:g}, batch {trial.batch_size}, rank {trial.lora_rank}, seed {trial.seed}",
        "tags": [],
        "status": "queued",
        "status_reason": None,
        "tokenizer_id": tokenizer_id,
        "eval_set_id": f"{dataset.eval_set_id(trial.evaluate_max_examples)}-{trial.loss_on}-{trial.max_length}",
        "warmup_steps": trial.n_warmup_steps(plan.n_steps),
        "batch_tokens": trial.batch_size * stats.mean_trained_tokens,
        "grad_accum_steps": 1,
        "max_steps": plan.n_steps,
        "seed": trial.seed,
        "config_json": json.dumps(config, sort_keys=True),
        "host": socket.gethostname(),
    }


def provenance_json(**facts: object) -> str:
    """Versions and machine, with what else is worth knowing about how a run was made."""
    versions = {name: version(name) for name in PACKAGES}
    machine = {"python": platform.python_version(), "platform": platform.platform()}
    return json.dumps({"versions": versions, **machine, **facts}, sort_keys=True)
