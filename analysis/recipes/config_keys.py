"""Under which keys tools log what the store has no column for. Best key first; a key in front of another counts."""

from __future__ import annotations

from typing import Final

SPEC_KEY: Final = "sweep_file"
"""Where the provenance of a run of Ucurve keeps the sweep file it came from."""

KEYS: Final = {
    "adam_beta1": ("adam_beta1", "optimizer.betas.0", "beta1"),
    "adam_beta2": ("adam_beta2", "optimizer.betas.1", "beta2"),
    "adam_eps": ("adam_eps", "adam_epsilon", "optimizer.eps"),
    "max_length": ("max_length", "max_seq_length", "cutoff_len", "sequence_len", "max_seq_len", "tokenizer.max_seq_len",
                   "dataset_builder.common_config.max_length"),
    "warmup_ratio": ("warmup_ratio", "lr_warmup_ratio"),
    "model_revision": ("model_revision", "revision_of_model"),
    "precision": ("precision",),
    "model_dtype": ("torch_dtype", "dtype", "model_init_kwargs.dtype", "model_init_kwargs.torch_dtype"),
    "beta": ("dpo_beta", "rl_beta", "pref_beta", "beta"),
}  # fmt: skip
"""Recipe's field -> keys of `config_json`. Names of Ucurve, Hugging Face's Trainer, TRL, axolotl, LLaMA-Factory,
torchtune and tinker-cookbook."""

SWITCHES: Final = (("bf16", "bfloat16"), ("fp16", "float16"))
"""Keys that say the precision when they are true; when both are false nothing is mixed."""

ADAPTER_SECTIONS: Final = ("peft_config.default", "peft_config", "lora_config", "adapter_config")
"""Where configurations keep their adapter's settings."""

LOSS_ON: Final = (
    ("completion_only_loss", {True: "response", False: "all"}),
    ("assistant_only_loss", {True: "response"}),
    ("train_on_prompt", {True: "all", False: "response"}),
    ("train_on_inputs", {True: "all", False: "response"}),
    ("train_on_input", {True: "all", False: "response"}),
)
"""Keys that say which tokens are trained on, with what their values mean."""

NOT_TRANSLATED: Final = (
    "use_rslora", "use_dora", "peft_use_rslora", "peft_use_dora", "load_in_4bit", "load_in_8bit", "quantization_bit",
    "neftune_noise_alpha", "label_smoothing_factor", "packing", "sample_packing", "loraplus_lr_ratio",
    "lr_scheduler_kwargs", "cosine_min_lr_ratio", "lora_bias", "modules_to_save", "lora_modules_to_save",
    "group_by_length", "final_lr_ratio",
)  # fmt: skip
"""Keys that change what is learned and that no field holds: a recipe names them where they are set."""
