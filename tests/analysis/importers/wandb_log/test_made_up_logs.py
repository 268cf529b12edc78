"""Logs made up of records that the installed client does not write, and values by the thousand."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.importers.wandb_log import (
    HISTORY_SCHEMA,
    MetricSetting,
    RunLog,
    history,
    path_keys,
    path_text,
    read_run_log,
)
from analysis.importers.wandb_log.history import read_values
from analysis.importers.wandb_log.json_text import replace_lone_surrogates
from analysis.importers.wandb_log.json_tree import JsonTree
from analysis.importers.wandb_log.messages import Record
from tests.analysis.importers.wandb_log.frames import (
    exit_record,
    history_record,
    new_record,
    numbered,
    run_record,
    write_log,
)


def read(folder: Path, *records: Record, numbers: bool = True) -> RunLog:
    payloads = numbered(records) if numbers else [record.SerializeToString() for record in records]
    path = folder / "run-r.wandb"
    path.write_bytes(write_log(payloads))
    return read_run_log(path, now=path.stat().st_mtime + 601)


def cells(log: RunLog) -> list[tuple[object, ...]]:
    return [(cell["step"], cell["key"], cell["number"], cell["json"]) for cell in log.history.to_pylist()]


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(st.characters(codec="utf-8"))


@given(st.lists(scalars, max_size=40))
def test_each_value_is_in_one_column_and_exact(values: list[object]) -> None:
    texts = [json.dumps(value) for value in values]
    number, integer, other, n_replaced = read_values(pa.array(texts, pa.string()))
    assert n_replaced == 0
    for value, text, as_number, as_integer, as_json in zip(
        values, texts, number.to_pylist(), integer.to_pylist(), other.to_pylist(), strict=True
    ):
        if isinstance(value, float) and math.isnan(value):
            assert math.isnan(as_number)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            assert as_number == float(value)
        else:
            assert (as_number, as_json) == (None, text)
        if isinstance(value, int) and abs(value) >= 2**53:
            assert (as_integer, as_json) == ((value, None) if -(2**63) <= value < 2**63 else (None, text))
        else:
            assert as_integer is None


@pytest.mark.parametrize("value", [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 9 * 10**18, 92 * 10**17, 10**18])
def test_the_edges_of_int64(value: int) -> None:
    _, integer, other, _ = read_values(pa.array([str(value)]))
    expected = (value, None) if -(2**63) <= value < 2**63 else (None, str(value))
    assert (integer[0].as_py(), other[0].as_py()) == expected


@pytest.mark.parametrize("text", ["nan", "inf", "1e", "0x10", "1_000", "+1", ".5", "1.", "--1", "-NaN", "", "1 2"])
def test_what_is_no_json_number_is_not_taken_for_one(text: str) -> None:
    number, integer, other, _ = read_values(pa.array([text], pa.string()))
    assert (number[0].as_py(), integer[0].as_py(), other[0].as_py()) == (None, None, text)


@given(st.lists(st.text(), min_size=1))
def test_a_key_path_can_be_taken_apart_again(path: list[str]) -> None:
    assert list(path_keys(path_text(path))) == path


@given(st.text(st.characters(codec="utf-8")))
def test_whole_characters_stay(text: str) -> None:
    dumped = json.dumps(text + "\\ud800")
    assert replace_lone_surrogates(dumped) == (dumped, 0)


@given(st.text(), st.text())
def test_half_characters_are_replaced_and_counted(before: str, after: str) -> None:
    value = f"{before}\ud800 {after}"
    replaced, n_replaced = replace_lone_surrogates(json.dumps(value))
    halves = sum("\ud800" <= character <= "\udfff" for character in json.loads(json.dumps(value)))
    assert n_replaced == halves >= 1
    json.loads(replaced).encode()


def test_half_characters_in_the_history_are_replaced_and_counted(tmp_path: Path) -> None:
    log = read(tmp_path, run_record(), history_record(0, x='"a\\udc00b"', y='"\\ud83d\\ude00"', z="1"), exit_record())
    assert cells(log) == [(0, "x", None, '"a\\ufffdb"'), (0, "y", None, '"\\ud83d\\ude00"'), (0, "z", 1.0, None)]
    assert log.n_replaced == 1


def test_old_writers_have_plain_keys_and_the_step_among_the_items(tmp_path: Path) -> None:
    items = [{"key": "_step", "value_json": "7"}, {"key": "loss", "value_json": "0.5"}]
    log = read(tmp_path, run_record(), new_record(history={"item": items}), exit_record())
    assert cells(log) == [(7, "loss", 0.5, None)]
    assert log.n_rows == 1


def test_newer_writers_may_give_values_a_type(tmp_path: Path) -> None:
    typed = {"number": 0.25, "integer": 3, "boolean": True, "text": 'a "b"', "json": "[1]", "none": 0}
    items = [{"nested_key": [kind], kind: value} for kind, value in typed.items()]
    log = read(tmp_path, run_record(), new_record(history={"item": items, "step": {"num": 1}}), exit_record())
    values = {key: number if text is None else text for _, key, number, text in cells(log)}
    assert values == {
        "number": 0.25,
        "integer": 3,
        "boolean": "true",
        "text": '"a \\"b\\""',
        "json": "[1]",
        "none": "null",
    }


keys = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(["k" * 130, "\x82\x01", "_a\x82\x01\x01b"])
value_texts = scalars.map(json.dumps) | st.sampled_from(['"' + "x" * n + '"' for n in (120, 125, 126, 127, 128, 300)])


@given(st.lists(st.tuples(st.lists(keys, min_size=1, max_size=3), value_texts), min_size=1, max_size=6, unique_by=str))
def test_items_read_from_bytes_are_those_that_protobuf_reads(
    tmp_path_factory: pytest.TempPathFactory, items: list[tuple[list[str], str]]
) -> None:
    messages = [{"nested_key": path, "value_json": text} for path, text in items]
    row = new_record(history={"item": messages * 2, "step": {"num": 4}})
    log = read(
        tmp_path_factory.mktemp("log"), run_record(), row, new_record(summary={"update": messages * 2}), exit_record()
    )
    number, _, other, _ = read_values(pa.array([text for _, text in items] * 2))
    expected = zip([path_text(path) for path, _ in items] * 2, number.to_pylist(), other.to_pylist(), strict=True)
    assert repr([cell[1:] for cell in cells(log)]) == repr(list(expected))
    tree = JsonTree()
    tree.update(row.history.item)
    assert repr(log.summary) == repr(tree.to_dict())


def test_fields_in_another_order_and_values_that_are_none(tmp_path: Path) -> None:
    key, value = b"\x12\x01x", b"\x82\x01\x013"
    odd_items = [
        key + value,
        value + key,
        key + value + b"\x12\x01y",
        key + b"\x82\x01\x02\xc3\xa4",
        key + b"\x82\x01",
        key,
    ]
    history = b"".join(b"\x0a" + bytes([len(item)]) + item for item in odd_items) + b"\x12\x02\x08\x05"
    payloads = numbered([run_record(), history_record(0, x="1"), exit_record()])
    path = tmp_path / "run-r.wandb"
    path.write_bytes(write_log([payloads[0], b"\x08\x02\x12" + bytes([len(history)]) + history, payloads[2]]))
    log = read_run_log(path)
    assert cells(log) == [
        (5, "x", 3.0, None),
        (5, "x", 3.0, None),
        (5, "x.y", 3.0, None),
        (5, "x", None, "ä"),
        (5, "x", None, "null"),
    ]
    assert log.reason == "1 values have an unknown form"


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    payloads = numbered([run_record(), history_record(0, x='"old"'), history_record(1, x='"abc"'), exit_record()])
    payloads[2] = payloads[2].replace(b"abc", b"a\xffc")
    path = tmp_path / "run-r.wandb"
    path.write_bytes(write_log(payloads))
    assert [cell[3] for cell in cells(read_run_log(path))] == ['"old"', '"a\ufffdc"']


def test_a_row_without_any_step_is_counted_as_a_problem(tmp_path: Path) -> None:
    row = new_record(history={"item": [{"nested_key": ["x"], "value_json": "1"}]})
    log = read(tmp_path, run_record(), row, history_record(3, x="2"), exit_record())
    assert (log.n_rows, cells(log)) == (1, [(3, "x", 2.0, None)])
    assert (log.verdict, log.reason) == ("partial", "1 rows say no step")


def test_two_rows_of_one_step_are_one_and_the_later_value_counts(tmp_path: Path) -> None:
    rows = [history_record(5, x="1", y="2"), history_record(2, x="0"), history_record(5, x="3", z="4")]
    log = read(tmp_path, run_record(), *rows, exit_record())
    assert sorted(cells(log), key=str) == [
        (2, "x", 0.0, None),
        (5, "x", 3.0, None),
        (5, "y", 2.0, None),
        (5, "z", 4.0, None),
    ]
    assert log.n_rows == 2
    assert log.history["step"].to_pylist() == [2, 5, 5, 5]


def test_a_log_without_numbers_cannot_count_what_it_lost(tmp_path: Path) -> None:
    log = read(tmp_path, run_record(), history_record(0, x="1"), exit_record(), numbers=False)
    assert log.damage is not None
    assert log.damage.lost_records is None
    assert log.verdict == "complete"


def test_missing_numbers_are_lost_records(tmp_path: Path) -> None:
    records = [run_record(), *(history_record(i, x="1") for i in range(6)), exit_record()]
    payloads = numbered(records)
    path = tmp_path / "run-r.wandb"
    path.write_bytes(write_log([payloads[0], *payloads[3:5], *payloads[6:]]))
    log = read_run_log(path)
    assert log.damage is not None
    assert (log.damage.lost_records, log.verdict, log.n_rows) == (3, "partial", 3)
    path.write_bytes(write_log([*payloads[:-1], payloads[2], payloads[-1]]))
    assert read_run_log(path).reason == "1 records are out of order"


def test_bytes_that_are_no_record_cost_that_record(tmp_path: Path) -> None:
    payloads = numbered([run_record(), history_record(0, x="1"), history_record(1, x="2"), exit_record()])
    path = tmp_path / "run-r.wandb"
    path.write_bytes(write_log([payloads[0], b"\xff" * 30, *payloads[2:]]))
    log = read_run_log(path)
    assert (log.verdict, log.n_rows) == ("partial", 1)
    assert log.reason == "1 records are missing; 1 records have an unknown form"


def test_definitions_add_up_unless_they_overwrite(tmp_path: Path) -> None:
    first = {"name": "loss", "step_metric": "epoch", "summary": {"min": True}, "goal": 1}
    second = {"name": "loss", "summary": {"last": True}, "options": {"hidden": True}}
    overwriting = {"name": "acc", "goal": 2, "_control": {"overwrite": True}}
    derived = {"name": "train/x", "expanded_from_glob": True}
    metrics = [first, second, {"name": "acc", "step_metric": "epoch"}, overwriting, derived]
    log = read(tmp_path, run_record(), *(new_record(metric=metric) for metric in metrics), exit_record())
    assert log.metrics == (
        MetricSetting("loss", False, "epoch", ("min", "last"), "min", True),
        MetricSetting("acc", False, None, (), "max", False),
    )


def test_a_value_below_a_leaf_and_a_removal_deep_down(tmp_path: Path) -> None:
    def config(**change: object) -> Record:
        return new_record(config=change)

    log = read(
        tmp_path,
        run_record(),
        config(update=[{"key": "a", "value_json": '{"b": {"c": 1, "d": NaN}, "e": 12345678901234567890}'}]),
        config(update=[{"nested_key": ["a", "b", "f"], "value_json": "2"}]),
        config(remove=[{"nested_key": ["a", "b", "c"]}, {"key": "never there"}]),
        config(update=[{"key": "n", "value_json": "1"}, {"nested_key": ["n", "m"], "value_json": "not json"}]),
        config(update=[{"key": "deep", "value_json": "[" * 100_000}, {"key": "empty"}]),
        exit_record(),
    )
    branch = log.config["a"]
    assert isinstance(branch, dict)
    assert branch["e"] == 12345678901234567890
    assert branch["b"].keys() == {"d", "f"}
    assert math.isnan(branch["b"]["d"])
    assert log.config["n"] == {"m": "not json"}
    assert log.config["deep"] == "[" * 100_000
    assert log.config["empty"] is None


def test_a_later_run_record_changes_a_value_but_does_not_round_one(tmp_path: Path) -> None:
    def run(**values: str) -> Record:
        return run_record(config={"update": [{"key": key, "value_json": text} for key, text in values.items()]})

    first = run(big=str(2**70), list=f"[{2**65}, NaN]", lr="0.1")
    later = run(big="1.1805916207174113e+21", list="[3.6893488147419103e+19, NaN]", lr="0.2")
    log = read(tmp_path, first, later, exit_record())
    assert log.config["big"] == 2**70
    assert repr(log.config["list"]) == f"[{2**65}, nan]"
    assert log.config["lr"] == 0.2


def test_forks_environment_and_counts(tmp_path: Path) -> None:
    log = read(
        tmp_path,
        run_record(
            branch_point={"run": "parent", "value": 12}, starting_step=12, start_time={"seconds": 5, "nanos": 7_000}
        ),
        new_record(environment={"python": "3.11", "gpu_count": 2}),
        new_record(output_raw={"line": "hello"}),
        new_record(stats={}),
        exit_record(),
    )
    assert log.facts is not None
    assert (log.facts.parent_run_id, log.facts.fork_step, log.facts.starting_step) == ("parent", 12, 12)
    assert log.facts.start_time == datetime(1970, 1, 1, 0, 0, 5, 7, tzinfo=UTC)
    assert log.environment == {"python": "3.11", "gpu_count": 2}
    assert log.not_read == {"output_raw": 1, "stats": 1}
    assert log.history.schema == HISTORY_SCHEMA


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (exit_record(3), "failed"),
        (exit_record(0), "finished"),
        (new_record(exit={}), "unconfirmed"),
        (new_record(telemetry={"feature": {"finish": True}}), "lost"),
    ],
)
def test_the_state_follows_the_exit_record(tmp_path: Path, end: Record, state: str) -> None:
    assert read(tmp_path, run_record(), end).state == state


def test_finish_by_telemetry_confirms_the_end(tmp_path: Path) -> None:
    finish = new_record(telemetry={"feature": {"finish": True}})
    assert read(tmp_path, run_record(), finish, new_record(exit={})).state == "finished"


@pytest.mark.parametrize(("limit", "value"), [("FLUSH_CELLS", 1_000), ("FLUSH_BYTES", 10_000)])
def test_many_rows_cross_the_flushes_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(history, limit, value)
    n_rows, n_keys = 300, 11
    rows = [history_record(i, **{f"k{k}": str(i * n_keys + k) for k in range(n_keys)}) for i in range(n_rows)]
    log = read(tmp_path, run_record(), *rows, exit_record())
    assert log.n_rows == n_rows
    assert log.history["number"].to_pylist() == list(range(n_rows * n_keys))
    assert log.history.column("key").num_chunks > 2
    assert log.history["key"][-1].as_py() == "k10"
