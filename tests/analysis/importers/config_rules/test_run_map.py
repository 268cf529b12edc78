from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.importers.config_rules import NO_MAP, RunMap, read_run_map, trial_key_for, typed_columns
from analysis.importers.source_run import SourceRun

ROOT = Path(__file__).parents[4]


def run_of(config: Mapping[str, object], key: str = "k", **more: object) -> SourceRun:
    return SourceRun(
        kind="t", label="t", key=(key,), status="finished", verdict="complete", config=config, **more  # type: ignore[arg-type]
    )  # fmt: skip


def map_of(**values: object) -> RunMap:
    return RunMap.model_validate(values)


def key_of(config: Mapping[str, object], run_map: RunMap = NO_MAP, **more: object) -> str:
    run = run_of(config, **more)  # type: ignore[arg-type]
    return trial_key_for(run, typed_columns(run, run_map).columns, run_map)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feilds: {learning_rate: lr}", "did you mean 'fields'"),
        ("fields:\n  learnin_rate: lr", "did you mean 'learning_rate'"),
        ("fields: {run_id: id}", "unknown field 'run_id'"),
        ("fields: {learning_rate: 5}", "fields.learning_rate: must be text, got 5"),
        ("constants: {batch_size: many}", "batch_size must be a whole number, got 'many'"),
        ("constants: {status: finished}", "unknown field 'status'"),
        ("constants: {learning_rate: true}", "must be a number"),
        ("fields: {model: m}\nconstants: {model: a}", "both a key and a constant"),
        ("metrics: {eval_loss: [a], test_loss: [a]}", "a is both eval_loss and test_loss"),
        ("directions: {f1: up}", "must be one of"),
        ("ignore: name", "ignore: must be a list"),
        ("evals: {mmlu: ''}", "must not be empty"),
        ("- fields", "holds no `key: value` lines"),
    ],
)
def test_a_wrong_map_is_refused_in_one_sentence_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_run_map(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))
    if not text.startswith("-") and "both" not in words and "\n" not in text:
        assert str(error.value).startswith(f"{path}:1: ")


def test_the_example_and_the_empty_map_are_read(tmp_path: Path) -> None:
    example = read_run_map(ROOT / "examples" / "maps" / "wandb-runs.yaml")
    assert example.aliases == {"eval_loss": ("heldout/nll", "val/ce"), "train_loss": ("train/ce",)}
    assert example.column_constants() == {"model": "meta-llama/Llama-3.2-1B"}
    (tmp_path / "empty.yaml").write_text("# nothing\n", encoding="utf-8")
    assert read_run_map(tmp_path / "empty.yaml") == NO_MAP


def test_the_maps_keys_go_first_and_its_constants_fill_what_is_missing() -> None:
    config = {"learning_rate": 1.0, "my": {"peak": "2e-4"}, "per_device_train_batch_size": 4, "foo": "bar"}
    run_map = map_of(
        fields={"learning_rate": ["nope", "my.peak"], "eval_set_id": "foo"},
        constants={"world_size": 8, "dataset": "d", "team": "x", "foo": "other"},
    )
    found = typed_columns(run_of(config, columns={"dataset": "from the source"}), run_map)
    assert found.columns == {"learning_rate": 2e-4, "eval_set_id": "bar", "dataset": "d", "batch_size": 32}
    assert found.found_in["learning_rate"] == "my.peak"
    assert found.found_in["dataset"] == "map"
    assert found.config == {**config, "world_size": 8, "dataset": "d", "team": "x"}


def test_replicates_share_their_trial_key() -> None:
    first = {
        "learning_rate": 1e-4, "seed": 1, "data_seed": 1, "output_dir": "/a", "run_name": "x", "local_rank": 0,
        "trainer": {"default_root_dir": "/a", "name": "n1", "seed": 4}, "wandb": {"id": "abc"}, "wandb_run_id": "z",
        "logging_dir": "runs/Nov22_host", "hub_model_id": "m1", "timestamp": 1.5, "slurm_job": 7,
        "model": {"name": "m"}, "peft_config": {"default": {"target_modules": ["q", "v"], "r": 8}},
        "hydra": {"run": {"dir": "x"}},
    }  # fmt: skip
    second = {
        "seed": 2, "data_seed": 9, "output_dir": "/b", "run_name": "y", "local_rank": -1, "learning_rate": 0.0001,
        "trainer": {"default_root_dir": "/b", "name": "n2", "seed": 5}, "wandb": {"id": "def", "x": 1},
        "logging_dir": None, "hub_model_id": None, "timestamp": 2.5, "slurm_job": 8, "model": {"name": "m"},
        "peft_config": {"default": {"r": 8.0, "target_modules": ["v", "q"]}},
    }  # fmt: skip
    assert key_of(first) == key_of(second, key="other")
    changes: list[dict[str, object]] = [
        {"learning_rate": 2e-4},
        {"model": {"name": "m2"}},
        {"note": 1},
        {"peft_config": {}},
    ]
    for changed in changes:
        assert key_of({**first, **changed}) != key_of(first)


def test_what_the_source_knows_is_part_of_the_trial_and_what_it_places_is_not() -> None:
    config = {"lr": 1, "place": {"node": "a"}, "cluster": {"node": "a"}}
    other = {"lr": 1, "place": {"node": "b"}, "cluster": {"node": "b"}}
    ignore = map_of(ignore=["cluster"])
    assert key_of(config) != key_of(other)
    assert key_of(config, ignore, no_trial_keys=["place.node"]) == key_of(other, ignore, no_trial_keys=["place.node"])
    assert key_of(config, columns={"model": "a"}) != key_of(config, columns={"model": "b"})
    assert key_of(config, columns={"model": "a", "seed": 1}) == key_of(config, columns={"model": "a", "seed": 2})


def test_a_run_without_a_configuration_is_a_replicate_of_none() -> None:
    assert key_of({}, key="a") != key_of({}, key="b")
    assert key_of({"seed": 1, "run_name": "x"}, key="a") != key_of({"seed": 2}, key="b")
    assert key_of({}, key="a") == key_of({"seed": 3}, key="a")


def test_the_copy_of_a_run_of_ucurve_is_a_replicate_of_it() -> None:
    own = {"run_id": "abc-s1", "trial_key": "0123456789abcdef", "attempt": 1}
    assert key_of({"lr": 1, "ucurve": own}, own_run_id="abc-s1") == "0123456789abcdef"
    assert key_of({"lr": 1, "ucurve": own}) == key_of({"lr": 1})
    assert key_of({"lr": 1, "ucurve": {"trial_key": "../x"}}, own_run_id="abc-s1") == key_of({"lr": 1})


def test_a_configuration_nested_beyond_pythons_stack_has_a_key_and_columns() -> None:
    deep: dict[str, object] = {"learning_rate": 1.0}
    for _ in range(1500):
        deep = {"a": deep}
    assert typed_columns(run_of({"lr": 2, **deep}), NO_MAP).columns == {"learning_rate": 2.0}
    assert key_of(deep) not in (key_of({"a": {"learning_rate": 1.0}}), key_of({"b": deep}))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_CONFIGS = st.dictionaries(
    st.text(max_size=6) | st.sampled_from(["seed", "run_name", "lr", "model"]), _VALUES, max_size=6
)


@given(_CONFIGS, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(config: dict[str, object], random: object) -> None:
    items = list(config.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert key_of(dict(items)) == key_of(config)


@given(_CONFIGS, st.integers(), st.text(max_size=5))
def test_seed_and_name_never_matter(config: dict[str, object], seed: int, name: str) -> None:
    assert key_of({**config, "lr": 1, "seed": seed, "run_name": name}) == key_of(
        {**config, "lr": 1, "seed": 0, "run_name": ""}
    )
