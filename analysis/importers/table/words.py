"""What headers mean by their words: the vocabulary behind guesses, statuses and measured columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

FIELD_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "run_id": ("run_id", "run", "id", "trial_id", "experiment_id", "run_uuid", "uuid"),
        "name": ("name", "run_name", "experiment", "experiment_name", "trial_name", "display_name"),
        "status": ("status", "state"),
        "status_reason": ("status_reason", "error", "error_message", "failure_reason"),
        "sweep_id": ("sweep_id", "sweep"),
        "group": ("group",),
        "tags": ("tags",),
        "seed": ("seed", "random_seed", "rng_seed"),
        "model": ("model", "model_name", "base_model", "model_id", "model_name_or_path", "base_model_id"),
        "tokenizer_id": ("tokenizer_id", "tokenizer"),
        "dataset": ("dataset", "dataset_name", "train_dataset", "data"),
        "eval_set_id": ("eval_set_id", "eval_set", "eval_dataset"),
        "objective": ("objective",),
        "adapter": ("adapter", "peft_type", "peft_method", "adapter_type"),
        "learning_rate": ("learning_rate", "lr", "peak_lr", "max_lr", "base_lr", "init_lr", "initial_lr", "lr_peak",
                          "peak_learning_rate"),
        "lr_schedule": ("lr_schedule", "lr_scheduler", "lr_scheduler_type", "scheduler", "schedule"),
        "warmup_steps": ("warmup_steps", "num_warmup_steps", "warmup"),
        "batch_size": ("batch_size", "bs", "global_batch_size", "global_bs", "train_batch_size", "total_batch_size",
                       "effective_batch_size", "batchsize", "batch"),
        "batch_tokens": ("batch_tokens", "tokens_per_batch", "tokens_per_step"),
        "grad_accum_steps": ("grad_accum_steps", "gradient_accumulation_steps", "grad_accum", "accum_steps"),
        "lora_rank": ("lora_rank", "lora_r", "lora_dim", "rank", "r"),
        "lora_alpha": ("lora_alpha", "alpha"),
        "lora_dropout": ("lora_dropout",),
        "target_modules": ("target_modules", "lora_target_modules"),
        "weight_decay": ("weight_decay", "wd"),
        "clip_value": ("clip_value", "max_grad_norm", "grad_clip", "gradient_clipping", "clip_norm"),
        "optimizer": ("optimizer", "optim"),
        "epochs": ("epochs", "num_epochs", "n_epochs", "num_train_epochs"),
        "max_steps": ("max_steps", "steps", "num_steps", "n_steps", "total_steps", "train_steps", "num_train_steps"),
        "token_budget": ("token_budget", "tokens", "train_tokens", "num_tokens", "total_tokens", "budget_tokens"),
        "tokens_seen": ("tokens_seen", "num_input_tokens_seen"),
        "device": ("device", "gpu", "accelerator", "hardware"),
        "host": ("host", "hostname"),
        "created_at": ("created_at", "created", "start_time", "started_at", "timestamp", "date"),
    }
)  # fmt: skip
"""Field -> header words that mean it, best first; written with underscores."""

METRIC_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "eval_loss": ("eval_loss", "val_loss", "valid_loss", "validation_loss", "dev_loss", "heldout_loss", "eval_nll",
                      "val_nll", "validation_nll", "test_loss", "test_nll", "smooth_loss"),
        "train_loss": ("train_loss", "training_loss", "train_nll"),
    }
)  # fmt: skip

STEP_NAMES: Final = ("step", "global_step", "iteration", "iter", "update", "training_step", "train_step")
METRIC_NAME_NAMES: Final = ("metric", "metric_name")
METRIC_VALUE_NAMES: Final = ("value", "metric_value", "score")
COUNTER_NAMES: Final = ("column_1", "unnamed_0", "index", "row", "row_number", "idx")
"""Headers of row counters, as spreadsheets and pandas write them."""

_MEASURES: Final = frozenset(
    {"loss", "nll", "ppl", "perplexity", "bpb", "accuracy", "acc", "f1", "bleu", "chrf", "rouge", "rouge1", "rouge2",
     "rougel", "auc", "auroc", "score", "reward", "mse", "rmse", "mae", "mcc", "time", "duration", "runtime", "elapsed",
     "wall", "mem", "memory", "vram", "throughput", "flops", "mfu", "utilization", "stderr", "final", "best", "last",
     "ci", "grad", "forgetting", "regret"}
)  # fmt: skip
_NO_MEASURES: Final = frozenset({"max_grad_norm", "grad_clip", "grad_accum", "grad_accum_steps", "grad_checkpointing"})
"""Settings that hold a word of `_MEASURES`."""
_SETTINGS: Final = frozenset({"lr", "rank", "alpha", "seed", "batch", "weight", "scale", "coef"})
"""`best_lr` or `loss_weight` says what was set."""
HELD_OUT_WORDS: Final = frozenset({"val", "valid", "validation", "eval", "test", "dev", "heldout"})
LOSS_WORDS: Final = frozenset({"loss", "nll"})
SPREAD_WORDS: Final = frozenset({"ci", "std", "stderr", "se", "sd", "width", "best", "min", "max", "final"})
TIME_WORDS: Final = frozenset({"time", "duration", "runtime", "elapsed", "wall"})
MEMORY_WORDS: Final = frozenset({"mem", "memory", "vram"})

STATUS_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("finished", "success", "succeeded", "successful", "completed", "complete"), "finished"),
        **dict.fromkeys(("done", "ok"), "finished"),
        **dict.fromkeys(("failed", "fail", "failure", "error", "errored", "crashed", "crash", "oom"), "failed"),
        **dict.fromkeys(("diverged", "nan", "exploded"), "diverged"),
        **dict.fromkeys(("stopped", "killed", "cancelled", "canceled", "aborted", "interrupted"), "stopped"),
        **dict.fromkeys(("pruned", "early_stopped", "early stopped"), "pruned"),
        **dict.fromkeys(("running", "in progress", "in_progress", "active", "started"), "running"),
        **dict.fromkeys(("queued", "pending", "waiting", "scheduled", "created"), "queued"),
        **dict.fromkeys(("lost",), "lost"),
        **dict.fromkeys(("unconfirmed", "unknown"), "unconfirmed"),
    }
)  # fmt: skip
"""Words of other programs -> our status; capital letters do not matter."""

_SECTIONS: Final = frozenset(
    {"config", "train", "training", "args", "params", "hparams", "hp", "hyperparameters", "data", "optimizer", "optim",
     "trainer", "model", "eval", "lora"}
)  # fmt: skip
_SPLIT: Final = re.compile(r"[^a-z0-9]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=4096)
def words_of(header: str) -> tuple[str, ...]:
    """The words of a header in small letters: `Train/LearningRate` -> train, learning, rate."""
    return tuple(word for word in _SPLIT.split(_CAMEL.sub("_", header).lower()) if word)


def names_of(header: str) -> tuple[str, ...]:
    """How a header may be called in the vocabulary: whole, and without the section in front of a dot or slash.

    >>> names_of("train.lr")
    ('train_lr', 'lr')
    """
    names = ["_".join(words_of(header))]
    parts = re.split(r"[./:]", header)
    if len(parts) > 1 and all(words_of(part)[:1] and words_of(part)[0] in _SECTIONS for part in parts[:-1]):
        names.append("_".join(words_of(parts[-1])))
    return tuple(names)


def sounds_measured(header: str) -> bool:
    """Whether a header names something that comes out of a run: a loss, a score, a time, memory."""
    words = set(words_of(header))
    return bool(_MEASURES & words) and not words & _SETTINGS and not set(names_of(header)) & _NO_MEASURES


TIME_UNITS_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "ms": 0.001,
        **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
        **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
        **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
        **dict.fromkeys(("d", "day", "days"), 86_400.0),
    }
)
MEMORY_UNITS_BYTES: Final[Mapping[str, float]] = MappingProxyType(
    {"bytes": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}
)
_BENCHMARKS: Final = (
    "agi_eval", "agieval", "aime", "alpaca_eval", "anli", "arc", "bbh", "bbq", "bigbench", "big_bench", "boolq",
    "ceval", "cmmlu", "commonsense", "commonsense_qa", "commonsenseqa", "copa", "coqa", "drop", "enterprise_pii",
    "gpqa", "gsm8k", "gsm_8k", "hellaswag", "hella_swag", "humaneval", "human_eval", "ifeval", "jeopardy", "lambada",
    "logi_qa", "logiqa", "math_500", "math_qa", "mathqa", "mbpp", "mmlu", "mmmu", "mt_bench", "musr",
    "natural_questions", "openbook", "openbook_qa", "openbookqa", "piqa", "pubmed_qa", "race", "sciq",
    "simple_arithmetic", "siqa", "social_iqa", "squad", "truthful_qa", "truthfulqa", "trivia_qa", "triviaqa",
    "winogender", "winograd", "winogrande",
)  # fmt: skip


def sounds_like_benchmark(header: str) -> bool:
    """Whether a header begins like a well-known benchmark: `arc_easy`, `MMLU (5-shot)`."""
    name = "_".join(words_of(header)) + "_"
    return name.startswith(tuple(f"{benchmark}_" for benchmark in _BENCHMARKS))
