from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError
from analysis.runs.filters import parse_condition
from analysis.store import Condition, RunRow, Store, canonical_json
from analysis.store.conditions import Operator

NASTY = [
    "plain",
    "it's",
    'say "x"',
    "' OR 1=1 --",
    "a,b",
    "$where_0",
    "{runs}",
    "%",
    "",
    "8",
    "null",
    "Grün",
    "\\",
    "a/b~c",
]
NUMBERS = [8, 1e-4, -3, 0, 2.5]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One run per nasty text and number, each as name, tag and configuration value; the last run has none of them."""
    store = Store.open(tmp_path_factory.mktemp("where") / "store", create=True)
    store.append(runs=[text_run(index, text) for index, text in enumerate(NASTY)])
    store.append(runs=[number_run(index, number) for index, number in enumerate(NUMBERS)])
    store.append(runs=[{"run_id": "bare", "status": "failed"}])
    return store


def text_run(index: int, text: str) -> RunRow:
    config = {"it's": text, "a/b~c": text, "on": True}
    return {
        "run_id": f"t{index:02}", "status": "queued", "name": text or None, "tags": [text, "all"],
        "config_json": canonical_json(config),
    }  # fmt: skip


def number_run(index: int, number: float) -> RunRow:
    config = {"it's": number, "on": False, "deep": {"x": 1}}
    return {
        "run_id": f"n{index}", "status": "running", "weight_decay": float(number), "seed": index,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=index), "config_json": canonical_json(config),
    }  # fmt: skip


def found(store: Store, *conditions: Condition | str) -> list[str]:
    parsed = [parse_condition(each) if isinstance(each, str) else each for each in conditions]
    return sorted(store.snapshot().runs(parsed)["run_id"])


def texts_where(keep: Sequence[str]) -> list[str]:
    return [f"t{index:02}" for index, text in enumerate(NASTY) if text in keep]


@pytest.mark.parametrize("text", [text for text in NASTY if text])
@pytest.mark.parametrize("column", ["name", "tags", "it's", "a/b~c"])
def test_equal_finds_exactly_the_text_whatever_is_in_it(mixed: Store, column: str, text: str) -> None:
    number = ["n0"] if (column, text) == ("it's", "8") else []  # a quoted 8 also finds the configured number 8
    assert found(mixed, Condition(column, "=", text)) == number + texts_where([text])


@pytest.mark.parametrize("text", NASTY)
def test_text_filters_survive_the_way_through_a_link(mixed: Store, text: str) -> None:
    condition = Condition("it's", "=", text)
    assert found(mixed, str(condition)) == found(mixed, condition)


@pytest.mark.parametrize("part", ["'", '"', "a", "gr", "\\", "{", "8"])
def test_contains_ignores_case_only(mixed: Store, part: str) -> None:
    expected = texts_where([text for text in NASTY if part in text.lower()])
    assert found(mixed, Condition("name", "~", part)) == expected
    assert found(mixed, Condition("tags", "~", part)) == (sorted(texts_where(NASTY)) if part == "a" else expected)


@settings(max_examples=25)
@given(st.lists(st.sampled_from([*NASTY, None]), min_size=1, max_size=4), st.sampled_from(["name", "it's"]))
def test_not_any_of_is_everything_but_any_of(mixed: Store, values: list[str | None], column: str) -> None:
    picked, rest = (
        found(mixed, Condition(column, "=", tuple(values))),
        found(mixed, Condition(column, "!=", tuple(values))),
    )
    assert not set(picked) & set(rest)
    assert len(picked) + len(rest) == len(NASTY) + len(NUMBERS) + 1


@pytest.mark.parametrize("op", ["<", "<=", ">", ">=", "=", "!="])
@pytest.mark.parametrize("number", [8, 1e-4, 0, 3])
def test_numbers_compare_as_numbers_in_columns_and_configurations(mixed: Store, op: Operator, number: float) -> None:
    compare = {"=": float.__eq__, "!=": float.__ne__, "<": float.__lt__, "<=": float.__le__, ">": float.__gt__,
               ">=": float.__ge__}[op]  # fmt: skip
    expected = [f"n{index}" for index, each in enumerate(NUMBERS) if compare(float(each), float(number))]
    for column in ("weight_decay", "it's"):
        condition = Condition(column, op, float(number))
        assert [run_id for run_id in found(mixed, condition) if run_id[0] == "n"] == expected
    text_8 = texts_where(["8"]) if op in {"=", "<=", ">="} and number == 8 else []
    assert op == "!=" or set(text_8) <= set(found(mixed, Condition("it's", op, number)))


def test_a_rate_logged_in_32_bits_is_found_by_the_typed_number(store: Store) -> None:
    config = canonical_json({"lr": 9.999999747378752e-05})
    store.append(
        runs=[{"run_id": "r", "status": "queued", "learning_rate": 9.999999747378752e-05, "config_json": config}]
    )
    assert found(store, "learning_rate=1e-4") == found(store, "lr=1e-4") == ["r"]
    assert found(store, "learning_rate=1.001e-4") == found(store, "learning_rate!=1e-4") == []


def test_true_false_and_null(mixed: Store) -> None:
    numbers, texts = [f"n{index}" for index in range(len(NUMBERS))], texts_where(NASTY)
    assert found(mixed, "on=true") == texts
    assert found(mixed, "on=false") == numbers
    assert found(mixed, "on=null") == ["bare"]
    assert found(mixed, "weight_decay!=null") == numbers
    assert found(mixed, "tags=null") == sorted([*numbers, "bare"])
    assert found(mixed, "tags!=all") == sorted([*numbers, "bare"])


def test_conditions_must_all_hold(mixed: Store) -> None:
    assert found(mixed, "seed>=1", "seed<3", "status=running") == ["n1", "n2"]
    assert found(mixed, "created_at>2026-01-02", "created_at<=2026-01-04T00:00+00:00") == ["n2", "n3"]


def test_filters_see_the_newest_state_of_a_run_only(store: Store) -> None:
    store.append(runs=[{"run_id": "r", "status": "running", "seq": 1}, {"run_id": "r", "status": "finished", "seq": 2}])
    assert found(store, "status=running") == []
    assert found(store, "status=finished") == ["r"]


def test_results_latest_and_evals_take_the_same_filters(sweep_store: Store) -> None:
    where = [parse_condition("batch_size=4"), parse_condition("note=it's"), parse_condition("model_hidden_size>500")]
    snapshot = sweep_store.snapshot()
    ids = set(snapshot.runs(where)["run_id"])
    assert len(ids) == 10
    assert set(snapshot.results("eval_loss", where)["run_id"]) == set(snapshot.latest(where)["run_id"]) == ids
    assert set(snapshot.evals(where)["run_id"]) <= ids
    assert snapshot.evals([parse_condition("batch_size=16")]).empty


def test_an_unknown_column_is_refused_with_the_known_ones(sweep_store: Store) -> None:
    with pytest.raises(FilterError, match="no column 'lora_rnk' to filter by") as caught:
        found(sweep_store, "lora_rnk=8")
    names = str(caught.value).split("there are: ")[1].split(", ")
    assert names == sorted(names)
    assert {"lora_rank", "note", "model_hidden_size"} <= set(names)


def test_in_an_empty_store_nothing_is_the_answer_to_any_filter(store: Store) -> None:
    assert found(store, "some_key=8") == []
