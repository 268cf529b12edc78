import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from analysis.errors import SchemaError
from analysis.store.rows import to_arrow
from analysis.store.schema import RUNS

GOOD: Mapping[str, object] = {
    "run_id": "r-1", "seq": 1, "status": "running", "updated_at": datetime(2026, 1, 1, tzinfo=UTC), "schema_version": 1,
}  # fmt: skip


def test_missing_keys_become_nulls() -> None:
    row = to_arrow("runs", RUNS, [GOOD]).to_pylist()[0]
    assert row["run_id"] == "r-1"
    assert row["learning_rate"] is None
    assert row["tags"] is None


def test_an_unknown_column_is_named_with_value_run_and_the_known_ones() -> None:
    with pytest.raises(
        SchemaError, match=r"no column 'learning_rte' \(value 0.1, run 'r-1'\); it has: .*learning_rate"
    ):
        to_arrow("runs", RUNS, [GOOD, {**GOOD, "learning_rte": 0.1}])


@pytest.mark.parametrize("column", ["run_id", "status", "seq", "updated_at", "schema_version"])
def test_a_missing_required_value_is_named(column: str) -> None:
    with pytest.raises(SchemaError, match=f"column {column} of table runs needs a value, got None"):
        to_arrow("runs", RUNS, [{**GOOD, column: None}])


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("learning_rate", "1e-4", "must be a number, got '1e-4'"),
        ("learning_rate", True, "must be a number, got True"),
        ("learning_rate", math.nan, "must be finite, got nan"),
        ("weight_decay", 10**400, "must fit in a 64-bit float, got 1000"),
        ("lora_rank", 8.0, "must be a whole number, got 8.0"),
        ("lora_rank", True, "must be a whole number, got True"),
        ("token_budget", 2**63, "must fit in 64 bits, got 9223372036854775808"),
        ("attempt", -1, "must be 0 or more, got -1"),
        ("name", 7, "must be text, got 7"),
        ("name", "\ud800", r"got '\\ud800'"),
        ("tags", "a", "must be a list of texts, got 'a'"),
        ("tags", ["a", 1], r"must be text, got \['a', 1\]"),
        ("created_at", datetime(2026, 1, 1), "must be a date and time with a time zone"),  # noqa: DTZ001  the mistake
        ("created_at", "2026-01-01", "must be a date and time with a time zone"),
        ("status", "done", "must be one of diverged, failed, finished"),
        ("run_id", "../up", r"must match .*, got '../up'"),
        ("run_id", "run-1\n", "must match"),
        ("run_id", "Run 1", "must match"),
        ("sweep_id", "a/b", "must match"),
        ("config_json", '{"lr": NaN}', "must be one JSON object without NaN"),
        ("config_json", "[1]", "must be one JSON object, got"),
        ("config_json", "{", "must be one JSON object without NaN"),
    ],
)
def test_a_wrong_value_is_named_with_its_column_and_run(column: str, value: object, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason) as caught:
        to_arrow("runs", RUNS, [GOOD, {**GOOD, column: value}])
    assert f"column {column} of table runs" in str(caught.value)
    assert "run '" in str(caught.value)


def test_a_long_value_does_not_flood_the_message() -> None:
    with pytest.raises(SchemaError) as caught:
        to_arrow("runs", RUNS, [{**GOOD, "lora_rank": "x" * 10_000}])
    assert len(str(caught.value)) < 200


def test_numpy_scalars_are_plain_numbers() -> None:
    given = {"lora_rank": np.int64(8), "learning_rate": np.float32(0.5), "batch_tokens": 7, "peak_memory_bytes": 2**62}
    row = to_arrow("runs", RUNS, [{**GOOD, **given}]).to_pylist()[0]
    assert {key: row[key] for key in given} == {
        "lora_rank": 8, "learning_rate": 0.5, "batch_tokens": 7.0, "peak_memory_bytes": 2**62,
    }  # fmt: skip


def test_times_are_stored_in_utc() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    row = to_arrow("runs", RUNS, [{**GOOD, "created_at": moment}]).to_pylist()[0]
    assert row["created_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_no_rows_make_an_empty_table_with_all_columns() -> None:
    assert to_arrow("runs", RUNS, []).column_names == [column.name for column in RUNS]
