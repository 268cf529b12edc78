"""Rows that come as an Arrow table are stored and refused exactly as the same rows one by one."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import SchemaError
from analysis.store import MetricRow, ObjectRow, Store
from analysis.store.arrow_rows import checked_table
from analysis.store.rows import to_arrow
from analysis.store.schema import METRICS, OBJECTS, arrow_schema

GOOD = {"run_id": "r", "attempt": 1, "step": 0, "tokens_seen": 7, "wall_time": 0.5, "name": "loss", "value": 1.0}
TYPES = {field.name: field.type for field in arrow_schema(METRICS)}
NAMES = pa.dictionary(pa.int32(), pa.string())

CELLS: Mapping[str, st.SearchStrategy[object]] = {
    "run_id": st.sampled_from(["r", "r-2", "R", "", "a" * 65, None]),
    "attempt": st.integers(-1, 3) | st.none(),
    "step": st.integers(-1, 2**62),
    "tokens_seen": st.none() | st.integers(-1, 5),
    "wall_time": st.none() | st.floats(0, 9) | st.sampled_from([math.nan, math.inf]),
    "name": st.sampled_from(["loss", "Loss", "", "ü" * 200, "x" * 201]),
    "value": st.floats(width=64) | st.none(),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.just(GOOD[name]) for name in GOOD}), max_size=4)


def as_table(rows: list[dict[str, object]], **types: pa.DataType) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name, TYPES[name])) for name in GOOD})


@st.composite
def mostly_good(draw: st.DrawFn) -> list[dict[str, object]]:
    """A few rows of which at most one column may hold anything."""
    rows = [dict(row) for row in draw(ROWS)]
    name = draw(st.sampled_from(sorted(CELLS)))
    for row in rows:
        row[name] = draw(CELLS[name])
    return rows


def outcome(make: Callable[[], pa.Table]) -> str:
    """The rows that come out as text, so that NaN equals NaN; or which column is wrong."""
    try:
        return repr(make().cast(arrow_schema(METRICS)).to_pylist())
    except SchemaError as refusal:
        return " ".join(str(refusal).split()[:5])


@given(mostly_good(), st.booleans())
def test_a_table_is_taken_or_refused_like_its_rows(rows: list[dict[str, object]], are_dictionaries: bool) -> None:
    table = as_table(rows, **({"run_id": NAMES, "name": NAMES} if are_dictionaries else {}))
    expected = outcome(lambda: to_arrow("metrics", METRICS, rows))
    assert outcome(lambda: checked_table("metrics", METRICS, table)) == expected


@pytest.mark.parametrize("form", [pa.string(), pa.large_string(), pa.string_view(), NAMES,
                                  pa.dictionary(pa.int8(), pa.large_string())])  # fmt: skip
def test_text_may_come_in_any_form(store: Store, form: pa.DataType) -> None:
    rows = [GOOD, GOOD | {"name": "acc", "run_id": "r-2"}]
    store.append(metrics=as_table([dict(row) for row in rows], run_id=form, name=form))
    assert store.snapshot().metric_names() == ["acc", "loss"]
    assert sorted(store.snapshot().logged(["r", "r-2"]).to_pylist(), key=str) == sorted(rows, key=str)


def test_numbers_may_be_narrower_and_columns_left_out(store: Store) -> None:
    table = as_table([dict(GOOD)], step=pa.uint16(), attempt=pa.int8(), value=pa.float32())
    store.append(metrics=table.select(["value", "name", "step", "attempt", "run_id"]))
    expected = GOOD | {"tokens_seen": None, "wall_time": None}
    assert store.snapshot().logged(["r"]).to_pylist() == [expected]


def test_whole_numbers_count_as_floats_rounded_as_python_does(store: Store) -> None:
    store.append(metrics=as_table([GOOD | {"value": 2**53 + 1}], value=pa.int64()))
    assert store.snapshot().logged(["r"])["value"].to_pylist() == [float(2**53 + 1)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": pa.array([0.0])}, "column step of table metrics must be a whole number, got 0.0"),
        ({"step": pa.array([2**63], pa.uint64())}, "column step of table metrics must fit in 64 bits, got 9223"),
        ({"step": pa.nulls(1)}, "column step of table metrics needs a value, got None"),
        ({"value": pa.array([True])}, "column value of table metrics must be a number, got True"),
        ({"value": pa.array(["1"])}, "column value of table metrics must be a number, got '1'"),
        ({"name": pa.array([b"x"])}, "column name of table metrics must be text, got b'x'"),
        ({"loss": pa.array([1.0])}, "table metrics has no column 'loss' .value 1.0, run 'r'."),
        ({"name": pa.DictionaryArray.from_arrays(pa.array([1]), pa.array(["loss", None]))}, "name .* needs a value"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, pa.Array], said: str) -> None:
    table = as_table([dict(GOOD)])
    for name, column in change.items():
        known = name in table.column_names
        table = table.set_column(table.column_names.index(name), name, column) if known else table.append_column(
            name, column)  # fmt: skip
    with pytest.raises(SchemaError, match=said):
        checked_table("metrics", METRICS, table)


def test_the_run_of_a_wrong_value_is_named() -> None:
    rows = [dict(GOOD), GOOD | {"run_id": "r-2", "step": -4}, dict(GOOD)]
    with pytest.raises(SchemaError, match=r"step of table metrics must be 0 or more, got -4 \(run 'r-2'\)"):
        checked_table("metrics", METRICS, as_table(rows))


def test_bytes_that_are_no_text_are_refused() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xed\xa0")])
    table = pa.table({"run_id": ["r"], "attempt": [1], "step": [0], "name": ["x"], "json": broken})
    with pytest.raises(SchemaError, match="json of table objects must be valid Unicode"):
        checked_table("objects", OBJECTS, table)


def test_columns_that_fit_are_not_copied_and_dictionaries_stay() -> None:
    table = as_table([dict(GOOD)] * 3, run_id=NAMES, name=NAMES)
    checked = checked_table("metrics", METRICS, table)
    for name in ("step", "value", "run_id"):
        assert checked[name].chunk(0).buffers()[1].address == table[name].chunk(0).buffers()[1].address
    assert checked["name"].type == NAMES


def test_a_refused_table_leaves_nothing_behind(store: Store) -> None:
    before = store.snapshot().key
    with pytest.raises(SchemaError):
        store.append(objects=[ObjectRow("r", 1, 0, "x", "null")], metrics=as_table([GOOD | {"step": -1}]))
    assert store.snapshot().key == before


def test_a_large_table_is_stored_sorted_so_that_it_need_not_be_compacted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr("analysis.store.clustering._FILE_ROWS", 40)
    monkeypatch.setattr("analysis.store.tables.GROUP_ROWS", 10)
    rows = [GOOD | {"step": step, "name": name, "run_id": run}
            for step in range(10) for name in ("b", "a") for run in ("r-2", "r")]  # fmt: skip
    store.append(metrics=as_table(rows, run_id=NAMES, name=NAMES))
    (file,) = (Path(store.location) / "metrics").glob("*.parquet")
    groups = [pq.ParquetFile(file).read_row_group(index) for index in range(4)]
    about = sorted(({(row["name"], row["run_id"]) for row in group.to_pylist()} for group in groups), key=min)
    assert about == [{("a", "r")}, {("a", "r-2")}, {("b", "r")}, {("b", "r-2")}]
    assert store.compact().n_files_merged == 0
    assert store.snapshot().logged(["r", "r-2"]).num_rows == 40


def test_metrics_of_both_forms_merge(store: Store) -> None:
    store.append(metrics=as_table([dict(GOOD)], run_id=NAMES, name=NAMES))
    store.append(metrics=[MetricRow("r", 1, 1, None, None, "loss", 2.0)])
    store.compact()
    assert list(store.snapshot().curves(["r"], "loss")["value"]) == [1.0, 2.0]
