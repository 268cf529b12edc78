from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import SchemaError
from analysis.runs.config_diff import diff_configs
from analysis.runs.configuration import flatten, plain, read_configurations


def _runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["b", "a"],
            "learning_rate": [1e-4, 2e-4],
            "batch_size": pd.array([8, 8], dtype="Int64"),
            "lora_rank": pd.array([16, pd.NA], dtype="Int64"),
            "target_modules": [["q_proj", "v_proj"], np.array(["q_proj"])],
            "batch_tokens": [100.5, 200.5],
            "config_json": [json.dumps({"adam": {"beta1": 0.9}}), json.dumps({"adam": {"beta1": 0.95}, "seed": 1})],
        }
    )


def test_only_what_differs_is_listed_in_order() -> None:
    diff = diff_configs(_runs())
    assert list(diff.columns) == ["key", "b", "a"]
    assert diff.to_numpy().tolist() == [
        ["lora_rank", 16, None],
        ["target_modules", "q_proj, v_proj", "q_proj"],
        ["learning_rate", 1e-4, 2e-4],
        ["seed", None, 1],
        ["adam.beta1", 0.9, 0.95],
    ]


def test_one_run_or_equal_runs_differ_in_nothing() -> None:
    assert diff_configs(_runs().head(1)).empty
    equal = _runs().head(1)
    assert diff_configs(pd.concat([equal, equal.assign(run_id="c")])).empty
    assert list(diff_configs(_runs().head(0)).columns) == ["key"]


def test_a_run_named_key_does_not_hide_the_keys() -> None:
    diff = diff_configs(_runs().assign(run_id=["key", "a"]))
    assert list(diff.columns) == ["key", "key", "a"]
    assert diff.iloc[0].tolist() == ["lora_rank", 16, None]


def test_a_run_twice_is_refused() -> None:
    with pytest.raises(SchemaError, match="b appears twice"):
        diff_configs(_runs().assign(run_id=["b", "b"]))
    with pytest.raises(SchemaError, match="run_id"):
        diff_configs(pd.DataFrame({"seed": [1]}))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, None), (pd.NA, None), (float("nan"), None), (8.0, 8), (0.5, 0.5), ("x", "x"), (True, True),
        (np.float64(2.0), 2), (np.int64(3), 3), (np.bool_(True), True), (["a", "b"], "a, b"), (np.array(["a"]), "a"),
        (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_cells_become_plain_values(cell: object, expected: object) -> None:
    value = plain(cell)
    assert value == expected
    assert type(value) is type(expected)


def test_nested_keys_are_dotted() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": None}) == {"a.b.c": 1, "d": None}


@pytest.mark.parametrize("text", ["{", "[1]", "3", None])
def test_an_unreadable_configuration_has_no_extra_keys(text: str | None) -> None:
    columns = read_configurations(pd.DataFrame({"run_id": ["a"], "config_json": [text]}))
    assert columns["batch_size"] == [None]


def test_a_typed_column_goes_before_the_configuration_text() -> None:
    runs = pd.DataFrame({"batch_size": [4, None], "config_json": [json.dumps({"batch_size": 9})] * 2})
    assert read_configurations(runs)["batch_size"] == [4, 9]
