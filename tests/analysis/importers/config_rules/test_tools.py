"""Configurations as the tools log them, and what each of them states."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from analysis.importers.config_rules import NO_MAP, TypedColumns, typed_columns
from analysis.importers.source_run import SourceRun

Config = Mapping[str, object]


def columns_of(config: Config, **columns: object) -> TypedColumns:
    run = SourceRun(
        kind="t", label="t", key=("t",), status="finished", verdict="complete", config=config, columns=columns
    )
    return typed_columns(run, NO_MAP)


AXOLOTL: Config = {
    "base_model": "meta-llama/Llama-3.2-1B", "adapter": "qlora", "load_in_4bit": True, "lora_r": 32, "lora_alpha": 16,
    "lora_dropout": 0.05, "lora_target_linear": True, "datasets": [{"path": "teknium/GPT4", "type": "alpaca"}],
    "micro_batch_size": 2, "gradient_accumulation_steps": 4, "batch_size": 16, "num_epochs": 3, "max_steps": None,
    "optimizer": "adamw_bnb_8bit", "lr_scheduler": "cosine", "learning_rate": 0.0002, "warmup_steps": 10, "seed": 7,
    "weight_decay": 0.0, "output_dir": "./out", "max_grad_norm": 1.0,
}  # fmt: skip
LLAMA_FACTORY: Config = {
    "model_name_or_path": "Qwen/Qwen3-4B", "stage": "dpo", "finetuning_type": "lora", "lora_rank": 8,
    "lora_target": "q_proj,v_proj", "dataset": "dpo_en_demo", "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 8, "num_processes": 4, "learning_rate": 5e-06, "num_train_epochs": 3.0,
    "lr_scheduler_type": "cosine", "warmup_ratio": 0.1,
}  # fmt: skip
TORCHTUNE: Config = {
    "model": {"_component_": "torchtune.models.llama3_2.lora_llama3_2_1b", "lora_rank": 64, "lora_alpha": 128,
              "lora_dropout": 0.0, "lora_attn_modules": ["q_proj"]},
    "optimizer": {"_component_": "torch.optim.AdamW", "fused": True, "weight_decay": 0.01, "lr": 3e-4},
    "lr_scheduler": {"_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
                     "num_warmup_steps": 100},
    "dataset": {"_component_": "torchtune.datasets.alpaca_cleaned_dataset", "packed": False},
    "batch_size": 4, "gradient_accumulation_steps": 8, "epochs": 1, "max_steps_per_epoch": None, "seed": 1,
    "clip_grad_norm": None, "metric_logger": {"log_dir": "/srv/x"},
}  # fmt: skip
OPEN_INSTRUCT: Config = {
    "exp_name": "tulu3_8b__1__1724", "model_name_or_path": "allenai/OLMo-2-1B", "use_lora": False, "lora_rank": 64,
    "lora_alpha": 16, "lora_dropout": 0.1, "dataset_mixer_list": ["allenai/tulu-3", "1.0"], "learning_rate": 2e-5,
    "lr_scheduler_type": "linear", "warmup_ratio": 0.03, "per_device_train_batch_size": 1, "num_train_epochs": 2,
    "gradient_accumulation_steps": 2, "clip_grad_norm": -1, "max_train_steps": None, "seed": 8,
}  # fmt: skip
TINKER: Config = {
    "log_path": "/srv/sweep/lr_3e-4", "model_name": "meta-llama/Llama-3.1-8B", "learning_rate": 0.0001,
    "dataset_builder": {"common_config": {"batch_size": 128, "max_length": 32768}}, "lr_schedule": "linear",
    "num_epochs": 1, "lora_rank": 32,
}  # fmt: skip
LIGHTNING: Config = {
    "trainer": {"max_epochs": 5, "max_steps": -1, "devices": 2, "num_nodes": 2, "accumulate_grad_batches": 3,
                "gradient_clip_val": 0.5, "gradient_clip_algorithm": "value"},
    "model": {"optimizer": {"lr": "1e-3"}}, "data": {"batch_size": "16"}, "seed_everything": 12,
}  # fmt: skip
HYDRA: Config = {
    "training": {"optimizer": {"name": "adamw", "lr": 1e-4, "weight_decay": 0.1}, "max_steps": "2000",
                 "global_batch_size": 256, "micro_batch_size": 8},
    "model": {"name": "pythia-160m"}, "hydra": {"run": {"dir": "outputs/2026-01-01"}},
}  # fmt: skip
UNSLOTH: Config = {
    "_name_or_path": "unsloth/Llama-3.2-1B-bnb-4bit", "per_device_train_batch_size": 2, "optim": "adamw_8bit",
    "gradient_accumulation_steps": 4, "max_steps": 60, "num_train_epochs": 3.0, "learning_rate": 2e-4,
    "warmup_steps": 5, "world_size": 1, "completion_only_loss": None, "seed": 3407,
    "peft_config": {"default": {"r": 16, "peft_type": "LORA", "lora_alpha": 16, "target_modules": ["v_proj", "k_proj"],
                                "base_model_name_or_path": "unsloth/Llama-3.2-1B-bnb-4bit"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (AXOLOTL, {"model": "meta-llama/Llama-3.2-1B", "adapter": "qlora", "lora_rank": 32, "lora_alpha": 16.0,
                   "lora_dropout": 0.05, "target_modules": ["all-linear"], "dataset": "teknium/GPT4",
                   "batch_size": 16, "grad_accum_steps": 4, "epochs": 3.0, "optimizer": "adamw_bnb_8bit",
                   "lr_schedule": "cosine", "learning_rate": 0.0002, "warmup_steps": 10, "seed": 7,
                   "weight_decay": 0.0, "clip_kind": "norm", "clip_value": 1.0}),
        (LLAMA_FACTORY, {"model": "Qwen/Qwen3-4B", "objective": "dpo", "adapter": "lora", "lora_rank": 8,
                         "target_modules": ["q_proj", "v_proj"], "dataset": "dpo_en_demo", "batch_size": 32,
                         "grad_accum_steps": 8, "learning_rate": 5e-06, "epochs": 3.0, "lr_schedule": "cosine"}),
        (TORCHTUNE, {"model": "torchtune.models.llama3_2.lora_llama3_2_1b", "lora_rank": 64, "lora_alpha": 128.0,
                     "lora_dropout": 0.0, "adapter": "lora", "optimizer": "adamw", "weight_decay": 0.01,
                     "learning_rate": 3e-4, "lr_schedule": "cosine", "warmup_steps": 100,
                     "dataset": "torchtune.datasets.alpaca_cleaned_dataset", "grad_accum_steps": 8, "epochs": 1.0,
                     "seed": 1}),
        (OPEN_INSTRUCT, {"model": "allenai/OLMo-2-1B", "adapter": "full", "dataset": "allenai/tulu-3, 1.0",
                         "learning_rate": 2e-5, "lr_schedule": "linear", "epochs": 2.0, "grad_accum_steps": 2,
                         "clip_kind": "none", "seed": 8}),
        (TINKER, {"model": "meta-llama/Llama-3.1-8B", "learning_rate": 0.0001, "batch_size": 128,
                  "lr_schedule": "linear", "epochs": 1.0, "lora_rank": 32, "adapter": "lora"}),
        (LIGHTNING, {"epochs": 5.0, "batch_size": 16 * 3 * 2 * 2, "grad_accum_steps": 3, "clip_kind": "value",
                     "clip_value": 0.5, "learning_rate": 1e-3, "seed": 12}),
        (HYDRA, {"optimizer": "adamw", "learning_rate": 1e-4, "weight_decay": 0.1, "max_steps": 2000,
                 "batch_size": 256, "model": "pythia-160m"}),
        (UNSLOTH, {"model": "unsloth/Llama-3.2-1B-bnb-4bit", "batch_size": 8, "grad_accum_steps": 4,
                   "max_steps": 60, "optimizer": "adamw_8bit", "learning_rate": 2e-4, "warmup_steps": 5,
                   "objective": "sft", "seed": 3407, "lora_rank": 16, "lora_alpha": 16.0, "adapter": "lora",
                   "target_modules": ["k_proj", "v_proj"]}),
    ],
    ids=["axolotl", "llama-factory", "torchtune", "open-instruct", "tinker", "lightning", "hydra", "unsloth"],
)  # fmt: skip
def test_what_each_tool_logs_becomes_columns(config: Config, expected: Config) -> None:
    assert columns_of(config).columns == expected
    as_parameters = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    flat = columns_of(
        {
            key: as_parameters[key]
            for key, value in config.items()
            if isinstance(value, int | float) and value is not True
        }
    )
    assert all(flat.columns[name] == expected[name] for name in ("learning_rate", "seed") if name in config)


@pytest.mark.parametrize(
    ("environment", "batch_size"),
    [
        ({}, None),
        ({"gpu_count": 1}, 8),
        ({"gpu_count": 8}, None),
        ({"gpu_count": 1, "slurm": {"job_num_nodes": "4"}}, None),
        ({"gpu_count": "1"}, None),
    ],
)
def test_a_machine_with_one_gpu_is_one_device(environment: Config, batch_size: int | None) -> None:
    config = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "local_rank": 0}
    run = SourceRun(
        kind="t", label="t", key=("t",), status="finished", verdict="complete", config=config, environment=environment
    )
    found = typed_columns(run, NO_MAP)
    assert found.columns.get("batch_size") == batch_size
    assert any(note.startswith("batch_size:") for note in found.notes)


def test_one_gpu_does_not_say_whose_a_plain_batch_size_is() -> None:
    config = {"batch_size": 32, "gradient_accumulation_steps": 4}
    run = SourceRun(
        kind="t",
        label="t",
        key=("t",),
        status="finished",
        verdict="complete",
        config=config,
        environment={"gpu_count": 1},
    )
    assert "batch_size" not in typed_columns(run, NO_MAP).columns
