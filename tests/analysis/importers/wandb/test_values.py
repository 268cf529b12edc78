"""Numbers, other values, tables and media of a log, each where it belongs and exact."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.importers.source_run import HISTORY_SCHEMA, SourceRun
from analysis.importers.wandb import tables
from analysis.importers.wandb.canonical import canonical_texts
from analysis.importers.wandb.values import shown_names
from analysis.importers.wandb_log import path_keys, path_text
from tests.analysis.importers.reading import curve, points
from tests.analysis.importers.wandb.made_up import objects, place, read_one, row, run_at, write_part

TABLE = '{"columns":["a","b"],"data":[[1,NaN],["\\ud800x",2.5]]}'


def test_numbers_stand_in_the_history_and_all_else_among_the_objects(tmp_path: Path) -> None:
    logged = {
        "nan": math.nan,
        "inf": -math.inf,
        "long": 2**62 + 1,
        "huge": 2**70,
        "none": None,
        "text": "NaN",
        "flag": True,
        "list": [1.0, None, {"b": 1, "a": math.nan}],
        "_private": 3,
        "n": {"a": 1},
        "n.b": 2,
    }
    run = read_one(write_part(tmp_path, run_at(0), row(7, **logged)))
    values = curve(run, "nan")
    assert math.isnan(values.pop(7))
    numbers = {name: value for (_, _, name), value in points(run).items() if name != "nan"}
    assert numbers == {"inf": -math.inf, "long": 2.0**62, "huge": 2.0**70, "_private": 3, "n.a": 1, "n.b": 2}
    assert {name: text for (_, _, name), text in objects(run).items()} == {
        "long": str(2**62 + 1),
        "huge": str(2**70),
        "none": "null",
        "text": '"NaN"',
        "flag": "true",
        "list": '[1,null,{"a":NaN,"b":1}]',
    }
    assert (run.rows_expected, run.rows_got) == (1, 1)


def test_a_row_without_values_counts_as_a_row(tmp_path: Path) -> None:
    run = read_one(write_part(tmp_path, run_at(0), row(0, 1.0), row(1, x=1)))
    assert (run.rows_expected, run.history.num_rows) == (2, 1)


def test_time_is_that_of_the_row_or_what_its_clock_says(tmp_path: Path) -> None:
    path = write_part(
        tmp_path, run_at(0.5), row(0, 9.0, 3.0, x=1), row(1, 9.0, x=1), row(2, x=1), row(3, 1, math.inf, x=1)
    )
    assert read_one(path).history["wall_time"].to_pylist() == [3.0, 8.5, None, None]


def test_tokens_stand_at_every_value_of_their_row(tmp_path: Path) -> None:
    rows = [
        row(0, **{"loss": 1, "train/num_tokens": 10}),
        row(1, **{"loss": 2}),
        row(2, **{"loss": 3, "acc": 1, "train/num_tokens": 30}),
        row(3, **{"loss": 3, "train/num_tokens": 1.5}),
        row(4, **{"loss": 3, "train/num_tokens": "many"}),
    ]
    run = read_one(write_part(tmp_path, run_at(0), *rows))
    seen = {(at["step"], at["tokens_seen"]) for at in run.history.to_pylist()}
    assert seen == {(0, 10), (1, None), (2, 30), (3, None), (4, None)}
    assert curve(run, "train/num_tokens") == {0: 10, 2: 30, 3: 1.5}


def test_keys_that_only_sound_like_tokens_are_metrics(tmp_path: Path) -> None:
    run = read_one(write_part(tmp_path, run_at(0), row(0, tokens_per_second=10, max_tokens=5)))
    assert run.history["tokens_seen"].null_count == 2


def test_a_histogram_and_an_image_are_one_value_each_and_no_metrics(tmp_path: Path) -> None:
    rows = [
        row(0, loss=1, h={"_type": "histogram", "values": [1, 2], "bins": [0, 0.5, 1]}),
        row(1, loss=2, images={"_type": "images/separated", "count": 2, "caption": None, "files": {"n": 1}}),
    ]
    run = read_one(write_part(tmp_path, run_at(0), *rows))
    assert points(run) == {(1, 0, "loss"): 1, (1, 1, "loss"): 2}
    assert objects(run) == {
        (1, 0, "h"): '{"_type":"histogram","bins":[0,0.5,1],"values":[1,2]}',
        (1, 1, "images"): '{"_type":"images/separated","count":2,"files":{"n":1}}',
    }


def test_a_nested_number_called_type_makes_no_object(tmp_path: Path) -> None:
    run = read_one(write_part(tmp_path, run_at(0), row(0, a={"_type": 3, "b": 1}), row(1, a={"b": 2}, _type="x")))
    assert points(run) == {(1, 0, "a._type"): 3, (1, 0, "a.b"): 1, (1, 1, "a.b"): 2}
    assert objects(run) == {(1, 1, "_type"): '"x"'}


def logged_table(folder: Path, content: str | None, **changed: object) -> SourceRun:
    """A run that logged a loss and one table of this content; `changed` are other words of its reference."""
    path = "media/table/t_0.table.json"
    reference = {"_type": "table-file", "path": path, "ncols": 2, "nrows": 2, "size": 9} | changed
    if content is not None:
        reference = {"sha256": hashlib.sha256(content.encode()).hexdigest()} | reference
        place(folder / "files" / path, content.encode())
    return read_one(write_part(folder, run_at(0), row(0, loss=1, t=reference)))


@pytest.mark.parametrize("kind", ["table-file", "incremental-table-file"])
def test_a_table_stands_in_place_of_its_reference(tmp_path: Path, kind: str) -> None:
    run = logged_table(tmp_path, TABLE, _type=kind)
    assert objects(run) == {(1, 0, "t"): TABLE.replace("\\ud800", "\\ufffd")}
    assert points(run) == {(1, 0, "loss"): 1}
    assert (run.verdict, run.problems) == ("complete", [])


def test_a_table_beside_a_copy_of_the_log_will_do(tmp_path: Path) -> None:
    logged_table(tmp_path / "b", TABLE)
    place(tmp_path / "a" / "run-r.wandb", (tmp_path / "b" / "run-r.wandb").read_bytes())
    assert (1, 0, "t") in objects(read_one(tmp_path))


@pytest.mark.parametrize(
    ("content", "changed", "words"),
    [
        (None, {}, "no file 'media/table/t_0.table.json' beside the log"),
        (TABLE, {"sha256": "0" * 64}, "checksums differ"),
        ("[1, 2]", {}, "no table in JSON"),
        ("{", {}, "no table in JSON"),
        (TABLE, {"path": "../files/media/table/t_0.table.json"}, "leads out"),
        (TABLE, {"path": "/etc/hostname"}, "leads out"),
        (TABLE, {"path": "media/link/t_0.table.json"}, "no file"),
        (TABLE, {"path": "media/circle"}, "cannot be read"),
        (TABLE, {"path": "media/" + "x" * 5000}, "cannot be read"),
        (TABLE, {"path": "media/pipe"}, "no file"),
        (TABLE, {"path": None}, "does not say where"),
        (TABLE, {"path": "a\0b"}, "does not say where"),
    ],
)
def test_a_table_that_cannot_be_had_makes_the_run_partial(
    tmp_path: Path, content: str | None, changed: dict[str, object], words: str
) -> None:
    place(tmp_path / "elsewhere" / "t_0.table.json", TABLE.encode())
    (tmp_path / "run" / "files" / "media").mkdir(parents=True)
    (tmp_path / "run" / "files" / "media" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "run" / "files" / "media" / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "run" / "files" / "media" / "pipe")
    run = logged_table(tmp_path / "run", content, **changed)
    assert (run.verdict, run.reason) == ("partial", "1 of its tables are not in")
    (problem,) = run.problems
    assert problem.column == "t"
    assert words in problem.reason
    assert objects(run) == {}
    assert points(run) == {(1, 0, "loss"): 1}


def test_tables_have_limits_each_and_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", len(TABLE))
    monkeypatch.setattr(tables, "MAX_RUN_BYTES", 2 * len(TABLE) + 5)
    for name, content in {"a": TABLE, "b": TABLE + " ", "c": TABLE, "d": TABLE}.items():
        place(tmp_path / "files" / name, content.encode())
    rows = [row(step, **{name: {"_type": "table-file", "path": name}}) for step, name in enumerate("abcd")]
    run = read_one(write_part(tmp_path, run_at(0), *rows))
    assert {name for _, _, name in objects(run)} == {"a", "c"}
    assert [problem.column for problem in run.problems] == ["b", "d"]
    assert all("too large" in problem.reason for problem in run.problems)


keys = st.lists(st.text(st.sampled_from("ab.\\"), min_size=1, max_size=3), min_size=1, max_size=3).map(path_text)


@given(st.lists(keys, max_size=12, unique=True))
def test_shown_names_never_make_two_keys_one(paths: list[str]) -> None:
    shown = shown_names(paths)
    assert list(shown) == paths
    assert len(set(shown.values())) == len(paths)
    for path, name in shown.items():
        assert name in (path, ".".join(path_keys(path)))


texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_one_value_has_one_text_however_it_was_written(value: object) -> None:
    forms = [json.dumps(value, ensure_ascii=escaped, indent=indent) for escaped in (True, False) for indent in (0, 2)]
    written = canonical_texts(pa.array(forms, pa.string())).to_pylist()
    assert len(set(written)) == 1
    assert canonical_texts(pa.array(written[:1], pa.string())).to_pylist() == written[:1]
    assert repr(json.loads(written[0], parse_int=float)) == repr(_sorted(json.loads(forms[0], parse_int=float)))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(part) for key, part in sorted(value.items())}
    if isinstance(value, list):
        return [_sorted(part) for part in value]
    return 0.0 if value == 0 and isinstance(value, float) else value


def test_a_run_that_logged_nothing_has_empty_tables(tmp_path: Path) -> None:
    run = read_one(write_part(tmp_path, run_at(0)))
    assert (run.history.schema, run.history.num_rows, run.objects.num_rows) == (HISTORY_SCHEMA, 0, 0)
    assert (run.verdict, run.rows_expected, run.marks) == ("complete", 0, ())
