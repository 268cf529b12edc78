"""The rules one by one: disagreement, odd types, unknown factors, and what the document says of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig
from transformers import TrainingArguments

from analysis.importers.config_rules import reference, rules
from analysis.store.schema import RUNS, column_named
from tests.analysis.importers.config_rules.test_tools import columns_of

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("rule", [*rules.RULES, rules.EPOCHS, rules.TOTAL_BATCH], ids=lambda rule: rule.column)
def test_every_key_of_every_rule_is_found_wherever_it_stands(rule: rules.Rule) -> None:
    column = column_named(RUNS, rule.column)
    assert column is not None
    value: object = {"list<string>": ["q_proj"], "string": "abc"}.get(column.type, 3)
    for key in rule.keys:
        nested: object = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        for config in (nested, {key: value}, {"args": nested}, {f"Training/{key.replace('.', '/')}": value}):
            assert isinstance(config, dict)
            found = columns_of(config)
            assert found.columns[rule.column] == value, key
            assert found.found_in[rule.column].lower().replace("/", ".").endswith(key)
            assert found.notes == ()


def test_no_key_means_two_columns_unless_it_says_so() -> None:
    keys = [key for rule in rules.RULES for key in rule.keys]
    assert {key for key in keys if keys.count(key) > 1} == set()


@pytest.mark.parametrize("text", ["1e-4", "0.0001", " 1E-4 ", "1.0e-04", ".0001", 1e-4])
def test_numbers_written_as_text_are_numbers(text: object) -> None:
    assert columns_of({"optimizer": {"lr": text}}).columns == {"learning_rate": 1e-4}


@pytest.mark.parametrize("nothing", [None, "", "None", "null", "  ", "N/A"])
def test_nothing_says_nothing_and_leaves_room_for_the_next_key(nothing: object) -> None:
    found = columns_of({"learning_rate": nothing, "lr": 2, "seed": nothing, "model": nothing, "batch_size": nothing})
    assert (found.columns, found.notes) == ({"learning_rate": 2.0}, ())


@pytest.mark.parametrize(
    "odd", ["auto", [1e-4], {"a": 1}, math.nan, math.inf, "nan", True, "007", 2**70, ["a", {"b": None}]]
)
@pytest.mark.parametrize("key", ["learning_rate", "seed", "lora_rank", "max_steps", "weight_decay"])
def test_what_is_no_number_is_left_out_and_said(key: str, odd: object) -> None:
    found = columns_of({key: odd})
    assert found.columns == {}
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"{key}: ")
    assert "is not taken: it must" in found.notes[0]


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, True, "\ud800"])
def test_what_is_no_name_is_left_out(odd: object) -> None:
    assert columns_of({"model": odd, "tokenizer": odd, "optimizer": odd, "scheduler": odd}).columns == {}


def test_keys_that_disagree_are_decided_by_the_order_of_the_rules_and_said() -> None:
    found = columns_of(
        {"optimizer": {"lr": 2e-4}, "trainer": {"lr": 3e-4}, "learning_rate": "1e-4", "args": {"lr": 1e-4}}
    )
    assert found.columns == {"learning_rate": 1e-4}
    assert found.found_in == {"learning_rate": "learning_rate"}
    assert found.notes == (
        "learning_rate: 0.0001 (learning_rate) is taken; 0.0003 (trainer.lr) disagrees",
        "learning_rate: 0.0001 (learning_rate) is taken; 0.0002 (optimizer.lr) disagrees",
    )


def test_names_tags_and_folders_play_no_part() -> None:
    config = {"run_name": "lr_3e-4_bs128", "output_dir": "/srv/lr_1e-3/seed_7", "name": "llama", "tags": ["lr=1"]}
    assert columns_of(config).columns == {}


def test_other_sections_mean_other_things() -> None:
    config = {"eval": {"batch_size": 1, "seed": 3}, "teacher": {"model": "big", "lr": 1}, "vllm": {"max_steps": 2}}
    assert columns_of(config).columns == {}


def test_the_source_knows_better_than_the_rules() -> None:
    found = columns_of({"lora_r": 16, "model_name": "a"}, lora_rank=8, model="a", unknown=1)
    assert (found.columns["lora_rank"], found.found_in["lora_rank"]) == (8, "source")
    assert found.notes == ("lora_rank: 8 of the source's own files is taken; 16 (lora_r) disagrees",)


PER_DEVICE = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 8}


@pytest.mark.parametrize(
    ("config", "batch_size"),
    [
        (PER_DEVICE, None),
        (PER_DEVICE | {"world_size": 2}, 64),
        (PER_DEVICE | {"num_processes": "3"}, 96),
        (PER_DEVICE | {"world_size": "auto"}, None),
        (PER_DEVICE | {"distributed_type": "DistributedType.NO"}, 32),
        (PER_DEVICE | {"distributed_type": "DistributedType.MULTI_GPU"}, None),
        (PER_DEVICE | {"nproc_per_node": 4, "nnodes": 2}, 256),
        (PER_DEVICE | {"nproc_per_node": 4}, None),
        (PER_DEVICE | {"world_size": 8, "tensor_parallel_size": 4}, None),
        (PER_DEVICE | {"world_size": 8, "tensor_parallel_size": 1}, 256),
        (PER_DEVICE | {"data_parallel_size": 2, "tensor_parallel_size": 4, "world_size": 8}, 64),
        (PER_DEVICE | {"local_rank": -1, "n_gpu": 1, "_n_gpu": 1}, None),
        (PER_DEVICE | {"gradient_accumulation_steps": "auto", "world_size": 2}, None),
        (PER_DEVICE | {"auto_find_batch_size": True, "world_size": 2}, None),
        (PER_DEVICE | {"global_batch_size": 512}, 512),
        (PER_DEVICE | {"train_batch_size": 4, "world_size": 1}, 32),
        ({"per_device_train_batch_size": 4, "world_size": 2}, 8),
        ({"micro_batch_size": 2, "batch_size": 128}, 128),
        ({"batch_size": 16}, 16),
        ({"batch_size": 16, "gradient_accumulation_steps": 1}, 16),
        ({"batch_size": 16, "gradient_accumulation_steps": 2}, None),
        ({"batch_size": 16, "gradient_accumulation_steps": 2, "world_size": 1}, 32),
        ({"batch_size": 16, "world_size": 2}, None),
        ({"batch_size": 0}, None),
        ({"total_batch_size": 524288, "device_batch_size": 32}, None),
        ({"data": {"batch_size": 8}, "trainer": {"accumulate_grad_batches": 1, "devices": 4, "num_nodes": 1}}, 32),
        ({"data": {"batch_size": 8}, "trainer": {"accumulate_grad_batches": 1, "devices": "auto"}}, None),
    ],
)
def test_a_factor_of_the_batch_that_is_not_stated_is_not_invented(
    config: Mapping[str, object], batch_size: int | None
) -> None:
    assert columns_of(config).columns.get("batch_size") == batch_size


def test_the_note_says_which_factor_is_missing_and_the_expression_where_it_came_from() -> None:
    assert columns_of(PER_DEVICE).notes == (
        "batch_size: per_device_train_batch_size x gradient_accumulation_steps = 4 x 8, but on how many devices is not "
        "stated; say it with `constants: {world_size: N}` or `fields: {batch_size: KEY}` in a map",
    )
    assert columns_of(PER_DEVICE | {"args": {"world_size": 2}}).found_in["batch_size"] == (
        "per_device_train_batch_size x gradient_accumulation_steps x args.world_size"
    )
    assert columns_of(PER_DEVICE | {"global_batch_size": 5, "world_size": 1}).notes[0].endswith("= 32 disagrees")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_steps": -1, "num_train_epochs": 3.0}, {"epochs": 3.0}),
        ({"max_steps": 60, "num_train_epochs": 3.0}, {"max_steps": 60}),
        ({"max_steps": 60, "max_epochs": 3}, {"max_steps": 60, "epochs": 3.0}),
        ({"warmup_ratio": 0.1, "max_steps": 15}, {"max_steps": 15, "warmup_steps": 2}),
        ({"warmup_ratio": 0.1, "warmup_steps": 5, "max_steps": 15}, {"max_steps": 15, "warmup_steps": 5}),
        ({"warmup_steps": 0.25, "max_steps": 8}, {"max_steps": 8, "warmup_steps": 2}),
        ({"warmup_ratio": 0.1}, {}),
        ({"warmup_steps": 0}, {"warmup_steps": 0}),
        ({"max_grad_norm": 0}, {"clip_kind": "none"}),
        ({"max_grad_norm": None}, {}),
        ({"lora_r": 8, "use_peft": False}, {"adapter": "full"}),
        ({"lora_r": 8, "use_peft": True, "load_in_4bit": True}, {"adapter": "qlora", "lora_rank": 8}),
        ({"lora_r": 0, "adapter": None}, {}),
        ({"finetuning_type": "full", "lora_rank": 8}, {"adapter": "full"}),
        ({"use_lora": True}, {"adapter": "lora"}),
        ({"load_in_4bit": True}, {}),
        ({"peft_config": {"peft_type": "PeftType.IA3"}}, {"adapter": "ia3"}),
        ({"stage": 3}, {}),
        ({"rl": "grpo"}, {"objective": "grpo"}),
        ({"lora_target_modules": "['v_proj', 'q_proj']"}, {"target_modules": ["q_proj", "v_proj"]}),
        ({"lora_target_modules": ".*(q|k)_proj$"}, {"target_modules": [".*(q|k)_proj$"]}),
        ({"lora_target": "all"}, {"target_modules": ["all"]}),
        ({"datasets": [{"path": "a"}, {"path": "b"}]}, {"dataset": "a, b"}),
        ({"dataset_mixer": {"a": 1.0, "b": 0.5}}, {"dataset": "a, b"}),
        ({"datasets": [{"x": 1}]}, {}),
    ],
)
def test_columns_that_several_keys_decide(config: Mapping[str, object], expected: Mapping[str, object]) -> None:
    assert columns_of(config).columns == expected


def test_what_the_trainer_and_peft_themselves_log(tmp_path: Path) -> None:
    arguments = TrainingArguments(
        output_dir=str(tmp_path), learning_rate=3e-4, per_device_train_batch_size=2, gradient_accumulation_steps=4,
        lr_scheduler_type="cosine", warmup_steps=7, seed=5, num_train_epochs=2, weight_decay=0.01, use_cpu=True,
    ).to_dict()  # fmt: skip
    lora = LoraConfig(r=4, lora_alpha=16, lora_dropout=0.1, target_modules=["v_proj", "q_proj"]).to_dict()
    logged = json.loads(json.dumps({**arguments, "peft_config": {"default": lora}}, default=_as_wandb_does))
    expected = {
        "learning_rate": 3e-4, "grad_accum_steps": 4, "lr_schedule": "cosine", "warmup_steps": 7, "seed": 5,
        "epochs": 2.0, "weight_decay": 0.01, "optimizer": "adamw_torch_fused", "clip_kind": "norm", "clip_value": 1.0,
        "lora_rank": 4, "lora_alpha": 16.0, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"],
        "adapter": "lora",
    }  # fmt: skip
    assert columns_of(logged).columns == expected
    assert columns_of(logged | {"world_size": 1}).columns == expected | {"batch_size": 8}
    text = {key: str(value) for key, value in logged.items() if not isinstance(value, dict)}
    for name in ("learning_rate", "warmup_steps", "seed", "epochs", "weight_decay", "clip_value", "optimizer"):
        assert columns_of(text).columns[name] == expected[name]


def _as_wandb_does(value: object) -> object:
    return sorted(value) if isinstance(value, set) else str(getattr(value, "value", value))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1e-4", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    [key for rule in rules.RULES for key in rule.keys] + list(rules.SECTIONS) + ["world_size", "micro_batch_size"]
)


@given(st.dictionaries(_KEYS | st.text(max_size=5), _VALUES, max_size=8))
def test_whatever_is_logged_gives_columns_that_the_store_takes(config: Mapping[str, object]) -> None:
    found = columns_of(config)
    assert set(found.columns) == set(found.found_in)
    for name, value in found.columns.items():
        column = column_named(RUNS, name)
        assert column is not None
        assert value is not None
        kinds = {"string": str, "int64": int, "float64": float, "list<string>": list}
        assert type(value) is kinds[column.type]


def test_the_document_shows_the_rules() -> None:
    text = (ROOT / "docs" / "importing" / "fields.md").read_text(encoding="utf-8")
    assert reference.fill_document(text) == text
    assert all(f"<!-- {name} -->" in text for name in reference.tables())
