import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import SchemaError
from analysis.store import Store, artifact_dir, canonical_json, run_id_of, trial_key

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"]))
CONFIGS = st.dictionaries(
    KEYS, st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=4), max_size=4
)


@settings(max_examples=50)
@given(CONFIGS)
def test_key_order_does_not_matter(config: dict[str, object]) -> None:
    reordered = dict(sorted(config.items(), reverse=True))
    assert trial_key(reordered) == trial_key(config)


@settings(max_examples=50)
@given(CONFIGS, st.integers(), st.integers())
def test_the_seed_does_not_matter(config: dict[str, object], one: int, other: int) -> None:
    assert trial_key(config | {"seed": one}) == trial_key(config | {"seed": other}) == trial_key(_without_seed(config))


@settings(max_examples=50)
@given(CONFIGS)
def test_the_canonical_form_is_strict_json_and_its_own_canonical_form(config: dict[str, object]) -> None:
    text = canonical_json(config)
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert canonical_json(parsed) == text


@settings(max_examples=50)
@given(CONFIGS, KEYS, SCALARS)
def test_another_value_is_another_trial(config: dict[str, object], key: str, value: object) -> None:
    changed = config | {key: value}
    same = _without_seed(config) == _without_seed(changed) or canonical_json(config) == canonical_json(changed)
    assert (trial_key(changed) == trial_key(config)) == (same or key == "seed")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (8, 8.0), (0.0, -0.0), (1e-4, 0.0001), ((1, 2), [1, 2]), (np.int64(8), 8), (np.float64(0.5), 0.5),
    ],
)  # fmt: skip
def test_equal_values_name_the_same_trial(one: object, other: object) -> None:
    assert trial_key({"x": one}) == trial_key({"x": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, "1"), (None, "null"), (math.nan, "nan"), (math.inf, -math.inf), (1e-4, 1.0000000000000002e-4)],
)
def test_different_values_name_different_trials(one: object, other: object) -> None:
    assert trial_key({"x": one}) != trial_key({"x": other})


def test_the_key_is_pinned_because_stores_outlive_versions() -> None:
    config = {"learning_rate": 1e-4, "lora_rank": 8, "target_modules": ["q_proj"], "clip_norm": None, "seed": 3}
    assert trial_key(config) == "fdeefdc66ac8b308"
    assert run_id_of(trial_key(config), 3) == "fdeefdc66ac8-s3"


@pytest.mark.parametrize("value", [object(), b"raw", {1: "x"}, {"deep": [{2: 3}]}])
def test_what_has_no_json_form_is_refused_by_path(value: object) -> None:
    with pytest.raises(SchemaError, match=r"config\.x"):
        trial_key({"x": value})


def test_artifacts_lie_below_the_store(store: Store) -> None:
    assert artifact_dir(store, "a1-s0") == Path(store.location) / "artifacts" / "a1-s0"


@pytest.mark.parametrize("run_id", ["..", "a/b", "", "A", "-x", "a" * 65, "a\n"])
def test_only_ids_become_paths(store: Store, run_id: str) -> None:
    with pytest.raises(SchemaError, match="is not a run id"):
        artifact_dir(store, run_id)


def _without_seed(config: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if key != "seed"}
