from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import FilterError
from analysis.runs.filters import Condition, parse_condition, parse_conditions
from analysis.store.conditions import OPERATORS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NASTY = TEXTS | st.sampled_from(
    ["", " ", '"', "'", "a,b", "null", "true", "1e-4", "nan", "x\n", "\\", "=", "<=", "' OR 1=1 --"]
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("lora_rank<=16", Condition("lora_rank", "<=", 16)),
        ("learning_rate = 1e-4", Condition("learning_rate", "=", 1e-4)),
        ("learning_rate=1", Condition("learning_rate", "=", 1.0)),
        ("model=a,b", Condition("model", "=", ("a", "b"))),
        ("model=a b , c", Condition("model", "=", ("a b", "c"))),
        ('model="a,b"', Condition("model", "=", "a,b")),
        ("name=8", Condition("name", "=", "8")),
        ("name~Demo run", Condition("name", "~", "Demo run")),
        ("status!=failed", Condition("status", "!=", "failed")),
        ("lora_rank=null", Condition("lora_rank", "=", None)),
        ('name="null"', Condition("name", "=", "null")),
        ("config.depth>2", Condition("config.depth", ">", 2)),
        ("depth=true", Condition("depth", "=", True)),
        ('depth="8"', Condition("depth", "=", "8")),
        ("note~8", Condition("note", "~", "8")),
        ('"smooth loss"<0.5', Condition("smooth loss", "<", 0.5)),
        ("name=a=b", Condition("name", "=", "a=b")),
        ("created_at>=2026-01-02", Condition("created_at", ">=", datetime(2026, 1, 2, tzinfo=UTC))),
        ("created_at<2026-01-02T01:00+02:00", Condition("created_at", "<", datetime(2026, 1, 1, 23, tzinfo=UTC))),
    ],
)
def test_what_a_text_means(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition
    assert type(parse_condition(text).value) is type(condition.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lora_rank", "cannot read the filter 'lora_rank'; write it like"),
        ("", "cannot read the filter ''"),
        ("=8", "cannot read the filter"),
        ("lora_rank=", "lacks a value; use null"),
        ("model=a,,b", "lacks a value"),
        ("model=a,", "lacks a value"),
        ("lora_rank=eight", "lora_rank is of type int64, got 'eight'"),
        ("lora_rank=8.5", "of type int64"),
        ("learning_rate=1e999", "of type float64"),
        ("learning_rate=nan", "of type float64"),
        ("created_at>yesterday", "of type timestamp"),
        ("lora_rank<8,16", "several values; only = and !="),
        ("lora_rank<null", "compares with null"),
        ("lora_rank~8", "needs text"),
        ("tags<a", "is a list"),
        ('model="a" b', "JSON quotes"),
        ('model="a', "JSON quotes"),
        (r'model="\x"', "is not a JSON string"),
        ('"a\\x"=1', "is not a JSON string"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        parse_condition(text)


@given(NASTY.filter(bool), st.sampled_from(OPERATORS), NASTY | NUMBERS | st.booleans())
def test_a_condition_on_a_configuration_key_reads_back_from_its_text(
    column: str, op: str, value: str | float | bool
) -> None:
    condition = Condition("config " + column, next(known for known in OPERATORS if known == op), value)
    if op == "~" and not isinstance(value, str):
        return
    again = parse_condition(str(condition))
    assert again == condition
    assert type(again.value) is type(value)


@given(st.lists(st.none() | NASTY, min_size=2, max_size=4), st.sampled_from(["model", "tags", "any key"]))
def test_lists_of_values_read_back_from_their_text(values: list[str | None], column: str) -> None:
    condition = Condition(column, "=", tuple(values))
    assert parse_condition(str(condition)) == condition


@given(st.datetimes(timezones=st.just(UTC)), st.floats(allow_nan=False, allow_infinity=False), NASTY)
def test_typed_columns_read_back_from_their_text(moment: datetime, rate: float, text: str) -> None:
    for condition in (
        Condition("created_at", "<", moment),
        Condition("learning_rate", ">", rate),
        Condition("name", "=", text),
    ):
        assert parse_condition(str(condition)) == condition


@given(st.text())
def test_any_text_is_a_condition_or_an_explained_mistake(text: str) -> None:
    try:
        condition = parse_condition(text)
    except FilterError:
        return
    assert parse_condition(str(condition)) == condition


def test_several_texts_are_several_conditions() -> None:
    assert [str(each) for each in parse_conditions(["lora_rank=8", "model=a,b"])] == ["lora_rank=8", "model=a,b"]
