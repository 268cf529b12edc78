"""The rules, as data: under which keys tools log what the store has a column for. Best key first.

Each key is one that a tool writes; `docs/importing/fields.md` shows the same tables. A key counts at the top of a
configuration and inside the sections below, never as a part of another word, and never a name of a run or a folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Reads = Literal["number", "whole", "text", "choice", "modules", "data", "adapter"]
"""How a value becomes the column's: see `readers`."""

SECTIONS: Final = frozenset(
    {"args", "axolotl", "axolotl_config", "cfg", "conf", "config", "data_args", "dpo", "dpo_config", "experiment",
     "finetune", "finetuning", "finetuning_args", "grpo_config", "hp", "hparam", "hparams", "hyperparameters",
     "hyperparams", "model_args", "param_space", "parameters", "params", "recipe", "script_args", "settings", "sft",
     "sft_config", "train", "train_args", "train_config", "train_loop_config", "trainer", "trainer_args",
     "trainer_config", "training", "training_args", "training_arguments", "training_config"}
)  # fmt: skip
"""What configurations put around their settings; `eval` or `teacher` are none, for they mean another thing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one column is found.

    Attributes:
        column: Column of the runs table.
        keys: Keys that hold it, best first.
        reads: What its values look like.
        least: Smaller numbers mean "not set", such as `max_steps: -1`.
    """

    column: str
    keys: tuple[str, ...]
    reads: Reads
    least: float | None = None


_LORA: Final = ("peft_config.default", "peft_config", "lora_config", "lora_args", "lora", "peft", "adapter_config")


def _lora(*names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for section in _LORA for name in names)


RULES: Final = (
    Rule("learning_rate",
         ("learning_rate", "lr", "peak_lr", "peak_learning_rate", "max_lr", "base_lr", "init_lr", "initial_lr",
          "optimizer.lr", "optimizer.learning_rate", "optim.lr", "optim.learning_rate", "optimizer.params.lr",
          "optimizer.init_args.lr", "optimizer.kwargs.lr", "optimizer_config.lr", "model.optimizer.lr", "model.lr",
          "model.learning_rate", "model.init_args.lr", "model.init_args.learning_rate"), "number", 0),
    Rule("lr_schedule",
         ("lr_scheduler_type", "lr_schedule", "lr_scheduler", "scheduler", "schedule", "lr_scheduler_name",
          "scheduler_type", "lr_decay_style", "lr_scheduler._component_", "lr_scheduler._target_",
          "lr_scheduler.class_path", "lr_scheduler.name", "lr_scheduler.type", "scheduler._target_",
          "scheduler.name", "scheduler.type", "optimizer.lr_scheduler", "optim.lr_scheduler"), "choice"),
    Rule("grad_accum_steps",
         ("gradient_accumulation_steps", "grad_accum_steps", "grad_accumulation_steps", "gradient_accumulation",
          "grad_accum", "accumulate_grad_batches", "accumulation_steps", "accum_steps"), "whole", 1),
    Rule("lora_rank", ("lora_rank", "lora_r", "lora_dim", *_lora("r", "rank"), "model.lora_rank", "model.lora_r"),
         "whole", 1),
    Rule("lora_alpha", ("lora_alpha", *_lora("lora_alpha", "alpha"), "model.lora_alpha"), "number", 0),
    Rule("lora_dropout", ("lora_dropout", *_lora("lora_dropout", "dropout"), "model.lora_dropout"), "number", 0),
    Rule("target_modules",
         ("lora_target_modules", "lora_target", "target_modules", *_lora("target_modules"),
          "model.lora_target_modules"), "modules"),
    Rule("model",
         ("model_name_or_path", "base_model", "base_model_name_or_path", "base_model_name", "model_id",
          "pretrained_model_name_or_path", "pretrained_model", "model_name", "model_path", "model",
          "model.model_name_or_path", "model.pretrained_model_name_or_path", "model.name_or_path",
          "model.model_name", "model.name", "model.path", "model.id", "model_config.model_name_or_path",
          *_lora("base_model_name_or_path"), "_name_or_path", "model._component_"), "text"),
    Rule("tokenizer_id",
         ("tokenizer_id", "tokenizer_name_or_path", "tokenizer_name", "tokenizer_path", "tokenizer",
          "tokenizer.name_or_path", "tokenizer.name", "tokenizer.path"), "text"),
    Rule("dataset",
         ("dataset_name", "dataset_name_or_path", "dataset_id", "dataset_path", "dataset", "datasets",
          "train_dataset", "train_dataset_name", "dataset_mixer_list", "dataset_mixer", "data.dataset",
          "data.dataset_name", "data.train_dataset", "data.name", "data.path", "data_path", "train_file",
          "train_data", "train_data_path", "data_files"), "data"),
    Rule("eval_set_id", ("eval_set_id",), "text"),
    Rule("seed", ("seed", "random_seed", "rng_seed", "global_seed", "seed_everything", "random_state"), "whole"),
    Rule("max_steps",
         ("max_steps", "max_train_steps", "num_train_steps", "num_training_steps", "total_steps",
          "total_training_steps", "train_steps", "training_steps", "num_steps", "max_iters"), "whole", 1),
    Rule("weight_decay",
         ("weight_decay", "wd", "optimizer.weight_decay", "optim.weight_decay", "optimizer.params.weight_decay",
          "optimizer.init_args.weight_decay", "optimizer.wd"), "number", 0),
    Rule("optimizer",
         ("optim", "optimizer", "optimizer_name", "optimizer_type", "optimizer._component_", "optimizer._target_",
          "optimizer.class_path", "optimizer.name", "optimizer.type", "optim.name", "optim.type"), "choice"),
    Rule("objective", ("objective", "training_objective"), "choice"),
    Rule("batch_tokens", ("batch_tokens",), "number", 0),
    Rule("token_budget",
         ("token_budget", "train.max_tokens", "max_train_tokens", "num_train_tokens", "total_train_tokens",
          "train_tokens"), "whole", 1),
)  # fmt: skip
"""Columns that one key holds."""

EPOCHS: Final = Rule(
    "epochs",
    ("num_train_epochs", "num_epochs", "n_epochs", "epochs", "max_epochs", "total_epochs", "train_epochs"),
    "number",
    0,
)
OVERRULED_EPOCHS: Final = frozenset({"num_train_epochs", "num_epochs"})
"""Of Hugging Face's Trainer and what is built on it: without meaning as soon as `max_steps` is set."""
TOTAL_BATCH: Final = Rule(
    "batch_size",
    ("global_batch_size", "total_batch_size", "effective_batch_size", "total_train_batch_size",
     "global_train_batch_size", "data.global_batch_size"), "whole", 1)  # fmt: skip
TOKEN_BATCH_MARKS: Final = ("device_batch_size",)
"""nanochat: `total_batch_size` counts tokens."""
DEVICE_BATCH: Final = Rule(
    "batch_size",
    ("per_device_train_batch_size", "per_device_batch_size", "per_gpu_train_batch_size", "micro_batch_size",
     "train_micro_batch_size_per_gpu", "micro_train_batch_size", "local_batch_size", "batch_size_per_device"),
    "whole", 1)  # fmt: skip
PLAIN_BATCH: Final = Rule(
    "batch_size",
    ("train_batch_size", "batch_size", "batchsize", "bs", "data.batch_size", "data.train_batch_size",
     "data.init_args.batch_size", "datamodule.batch_size", "dataloader.batch_size", "dataset.batch_size",
     "dataset_builder.batch_size", "dataset_builder.common_config.batch_size"), "whole", 1)  # fmt: skip
DEVICE_MARKS: Final = ("optimizer._component_", "accumulate_grad_batches")
"""torchtune and Lightning: a plain batch size is that of one device."""
DEVICES: Final = Rule(
    "data-parallel devices",
    ("data_parallel_size", "dp_size", "world_size", "num_processes", "n_gpus", "num_gpus", "num_devices", "ngpus",
     "trainer.devices", "gpus"), "whole", 1)  # fmt: skip
DEVICES_PER_NODE: Final = Rule(
    "devices of one node", ("nproc_per_node", "num_gpus_per_node", "gpus_per_node"), "whole", 1
)
NODES: Final = Rule("nodes", ("num_nodes", "nnodes", "n_nodes"), "whole", 1)
DATA_PARALLEL_KEYS: Final = ("data_parallel_size", "dp_size")
MODEL_PARALLEL: Final = (
    "tensor_parallel_size", "tensor_model_parallel_size", "tp_size", "pipeline_parallel_size",
    "pipeline_model_parallel_size", "pp_size", "context_parallel_size", "cp_size", "sequence_parallel_degree",
    "sequence_parallel_size",
)  # fmt: skip
"""Where one of these is above 1, not every device has data of its own."""
ONE_PROCESS: Final = (("distributed_type", "no"), ("parallel_mode", "not_distributed"), ("strategy", "single_device"))
"""Keys with the value that says "one device"."""

WARMUP_STEPS: Final = Rule(
    "warm-up",
    ("warmup_steps", "num_warmup_steps", "lr_warmup_steps", "warmup_iters", "lr_scheduler.num_warmup_steps",
     "scheduler.num_warmup_steps", "scheduler.warmup_steps", "optimizer.warmup_steps"), "number", 0)  # fmt: skip
WARMUP_RATIO: Final = Rule("warmup_ratio", ("warmup_ratio", "lr_warmup_ratio", "warmup_fraction"), "number", 0)
CLIP: Final = Rule(
    "clip_value",
    ("max_grad_norm", "clip_grad_norm", "grad_clip_norm", "gradient_clip_norm", "clip_norm", "max_norm",
     "gradient_clip_val", "gradient_clipping", "grad_clip", "clip_grad", "optimizer.grad_clip"), "number")  # fmt: skip
CLIP_KIND: Final = Rule("clip_kind", ("gradient_clip_algorithm",), "choice")

ADAPTER: Final = Rule(
    "adapter",
    ("adapter", "finetuning_type", "adapter_type", "peft_type", "peft_method", *_lora("peft_type")),
    "adapter",
)
ADAPTER_SWITCHES: Final = ("use_peft", "use_lora", "use_qlora", "lora_enable")
"""Whether there is one at all: several tools log LoRA's defaults beside `use_peft: false`."""
FOUR_BITS: Final = (("use_qlora", True), ("load_in_4bit", True), ("quantization_bit", 4), ("bits", 4))
"""Keys with the value that makes a LoRA a QLoRA."""
ALL_LINEAR: Final = ("lora_target_linear",)
"""axolotl: true means every linear layer."""
STAGE: Final = Rule("objective", ("stage", "rl"), "choice")
STAGES: Final = frozenset(
    {"sft", "dpo", "ipo", "kto", "orpo", "simpo", "cpo", "grpo", "ppo", "rloo", "rm", "reward", "pt", "gkd", "gdpo"}
)
"""LLaMA-Factory's `stage` and axolotl's `rl`, where they are one of these words."""
OBJECTIVE_MARKS: Final = (
    ("kto", "desirable_weight"), ("dpo", "f_divergence_type"), ("rloo", "normalize_advantages"),
    ("grpo", "top_entropy_quantile"), ("gkd", "lmbda"), ("sft", "completion_only_loss"),
    ("reward", "center_rewards_coefficient"),
)  # fmt: skip
"""Settings that only one of TRL's trainers has (checked in TRL 1.16): its dump says so what is minimised."""
