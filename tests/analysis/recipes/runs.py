"""Runs to export: rows as the store gives them, each value different from every tool's default."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from analysis.store import run_id_of, trial_key

LAYERS = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
HOSTILE = (
    "a\nlearning_rate: 9", "a'; rm -rf / #", '"}, "learning_rate": 9', "--use_lora=False", "a: b", "# c", "null",
    "${oc.env:HOME}", "\\${oc.env:HOME}", "&a *a !!python/object:os.system", "\u2028seed: 9", "a\x85b: c", "1e-3",
    "\x00\x1b[2J", "$(id) `id` %s {x}", "</script>", "", " ", "\u202eabc", "x" * 300, "---\n...\n", "a\rb",
)  # fmt: skip
"""Names that would break out of YAML, JSON, a shell, OmegaConf or a comment where they are pasted in."""


def local_config(**changed: object) -> dict[str, object]:
    """The configuration of a run of Ucurve, as `trial_config` writes it."""
    config: dict[str, object] = {
        "model": "HuggingFaceTB/SmolLM2-360M-Instruct", "model_digest": None, "model_revision": "abc123",
        "dataset": "team/answers", "dataset_digest": "0123456789abcdef", "objective": "sft", "adapter": "lora",
        "optimizer": "adamw", "learning_rate": 3.3e-4, "lr_schedule": "cosine", "warmup_steps": None,
        "warmup_ratio": 0.07, "batch_size": 24, "lora_rank": 12, "lora_alpha": 20.0, "lora_dropout": 0.03,
        "target_modules": ["q_proj", "v_proj"], "weight_decay": 0.013, "adam_beta1": 0.91, "adam_beta2": 0.97,
        "adam_eps": 1e-7, "clip_kind": "norm", "clip_value": 0.7, "max_length": 768, "precision": "auto",
        "loss_on": "response", "max_steps": None, "epochs": 2.5, "token_budget": None, "evaluation.every": 0.2,
        "evaluation.max_examples": 150, "evaluation.at_start": False,
    }  # fmt: skip
    return {**config, **changed}


_TYPED = (
    "model", "dataset", "objective", "adapter", "learning_rate", "lr_schedule", "batch_size", "lora_rank", "lora_alpha",
    "lora_dropout", "target_modules", "weight_decay", "clip_kind", "clip_value", "optimizer", "epochs", "token_budget",
)  # fmt: skip


def local_row(seed: int = 11, n_steps: int = 150, n_warmup: int = 10, **changed: object) -> dict[str, object]:
    """The row of a run of Ucurve, as `planned_row` writes it; a configured number of steps goes before `n_steps`."""
    config = local_config(**changed)
    n_steps = int(str(config["max_steps"] or n_steps))
    key = trial_key(config)
    row = {name: config[name] for name in _TYPED} | {
        "run_id": run_id_of(key, seed), "trial_key": key, "source": "local", "sweep_id": "sweep-1",
        "name": "lr 0.00033",
        "status": "finished", "seed": seed, "max_steps": n_steps, "warmup_steps": min(n_warmup, n_steps),
        "config_json": json.dumps({**config, "seed": seed}), "provenance_json": json.dumps({"precision": "bfloat16"}),
    }  # fmt: skip
    return {name: value for name, value in row.items() if value is not None}


def imported_row(config: dict[str, object] | None = None, **columns: object) -> dict[str, object]:
    """The row of an imported run that says next to nothing."""
    return {"run_id": "imported-1", "source": "wandb", "status": "finished", "learning_rate": 2e-4,
            "config_json": json.dumps(config or {}), **columns}  # fmt: skip


POSITIVE = st.floats(1e-6, 1.0, allow_nan=False)
SETTINGS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["smollm2-135m", "org/model-1", "Qwen/Qwen2.5-0.5B"]),
        "model_revision": st.sampled_from([None, "main"]),
        "dataset": st.sampled_from(["skills", "stdlib-docstrings", "team/answers", "answers", "a.b"]),
        "learning_rate": POSITIVE,
        "lr_schedule": st.sampled_from(["constant", "linear", "cosine"]),
        "batch_size": st.integers(1, 65_536),
        "lora_rank": st.integers(1, 1024),
        "lora_alpha": st.floats(1e-3, 65_536),
        "lora_dropout": st.floats(0, 0.99),
        "target_modules": st.lists(st.sampled_from(LAYERS), min_size=1, unique=True).map(sorted),
        "weight_decay": st.floats(0, 10),
        "adam_beta1": st.floats(0, 0.999),
        "adam_beta2": st.floats(0, 0.9999),
        "adam_eps": POSITIVE,
        "max_length": st.integers(8, 1_048_576),
        "precision": st.sampled_from(["auto", "float32", "bfloat16"]),
        "loss_on": st.sampled_from(["response", "all"]),
        "evaluation.every": st.one_of(st.none(), st.floats(1e-3, 0.99), st.integers(1, 1000).map(float)),
        "evaluation.max_examples": st.integers(1, 10_000),
        "evaluation.at_start": st.booleans(),
    }
)
CLIPPING = st.one_of(
    st.just({"clip_kind": None, "clip_value": None}),
    st.floats(1e-3, 1e6).map(lambda value: {"clip_kind": "norm", "clip_value": value}),
)
WARMUP = st.one_of(
    st.integers(0, 10_000).map(lambda steps: {"warmup_steps": steps, "warmup_ratio": None}),
    st.floats(0, 1).map(lambda ratio: {"warmup_steps": None, "warmup_ratio": ratio}),
)
BUDGET = st.one_of(
    st.integers(1, 10_000_000).map(lambda steps: {"max_steps": steps, "epochs": None, "token_budget": None}),
    st.floats(0.01, 10_000).map(lambda epochs: {"max_steps": None, "epochs": epochs, "token_budget": None}),
    st.integers(1, 10**15).map(lambda tokens: {"max_steps": None, "epochs": None, "token_budget": tokens}),
)
LOCAL_CHANGES = st.builds(
    lambda *parts: {k: v for part in parts for k, v in part.items()}, SETTINGS, CLIPPING, WARMUP, BUDGET
)
