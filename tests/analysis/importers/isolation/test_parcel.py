"""A run is the same after its journey; whatever else arrives is refused with a reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis.importers.isolation.parcel import read_parcel, write_parcel
from analysis.importers.isolation.parcel_fields import FIELDS, ParcelError
from analysis.importers.result import RowProblem
from analysis.importers.source_run import OBJECTS_SCHEMA, SourceRun, SourceScore
from tests.analysis.importers.scripted import history

RUN = SourceRun(
    kind="scripted",
    label="team/project/ü",
    key=("host", "x"),
    marks=("m", "n"),
    own_run_id="abc-s1",
    status="failed",
    verdict="partial",
    status_reason="why",
    exit_code=-9,
    name="n\u00e4me",
    group="g",
    job_type="train",
    tags=("a", "b"),
    notes_text="text",
    sweep="s",
    created_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
    config={"lr": 1e-4, "big": 2**70, "nested": {"list": [1, None, "NaN"]}, "inf": math.inf},
    columns={"model": "m"},
    summary={"loss": 0.5},
    history=history([[[0, "loss", 1.0], [1, "loss", math.nan]], [[0, "loss", math.inf]]]),
    objects=pa.table([[1], [0], ["table"], ['{"a": null}']], schema=OBJECTS_SCHEMA),
    scores=(SourceScore(benchmark="arc", metric="acc", score=0.5, n_items=10),),
    directions={"acc": "max"},
    environment={"python": "3.11"},
    rows_expected=4,
    rows_got=3,
    lost_records=1,
    reason="one is lost",
    problems=(RowProblem(3, "c", "v", "odd"),),
    notes=("a note",),
    no_trial_keys=("out",),
)


def sent(folder: Path, run: SourceRun) -> SourceRun:
    write_parcel(folder, 7, run)
    return read_parcel(folder, 7)


def test_every_field_arrives_as_it_was(tmp_path: Path) -> None:
    arrived = sent(tmp_path, RUN)
    for field in fields(RUN):
        before, after = getattr(RUN, field.name), getattr(arrived, field.name)
        if isinstance(before, pa.Table):
            assert after.schema == before.schema
            assert repr(after.to_pylist()) == repr(before.to_pylist())
        else:
            assert after == before, field.name
    assert not list(tmp_path.iterdir()), "a parcel is deleted after use"


def test_halves_of_characters_and_odd_values_become_storable(tmp_path: Path) -> None:
    config = {"half\ud800": "\udfff", "path": Path("/x"), "set": {2, 1}}
    assert sent(tmp_path, replace(RUN, config=config)).config == {"half\ufffd": "\ufffd", "path": "/x", "set": [1, 2]}


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field too many": lambda content: content.update(more=1),
    "a field missing": lambda content: content.pop("key"),
    "no text": lambda content: content.update(label=3),
    "no list of texts": lambda content: content.update(tags=[1]),
    "a text for a list": lambda content: content.update(key="abc"),
    "an unknown status": lambda content: content.update(status="done"),
    "an unknown verdict": lambda content: content.update(verdict="good"),
    "a negative count": lambda content: content.update(rows_got=-1),
    "a truth for a count": lambda content: content.update(rows_got=True),
    "a huge exit code": lambda content: content.update(exit_code=2**70),
    "a list for an object": lambda content: content.update(config=[]),
    "no time": lambda content: content.update(created_at="yesterday"),
    "a score without a number": lambda content: content.update(
        scores=[{"benchmark": "b", "metric": "m", "score": "1"}]
    ),
    "a score with other fields": lambda content: content.update(scores=[{"bench": "b"}]),
    "problems that are none": lambda content: content.update(problems=[1]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_document_that_does_not_fit_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    write_parcel(tmp_path, 7, RUN)
    content = json.loads((tmp_path / "7.json").read_text())
    change(content)
    (tmp_path / "7.json").write_text(json.dumps(content))
    with pytest.raises(ParcelError):
        read_parcel(tmp_path, 7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":' * 100_000, "\udcff"])
def test_what_is_no_document_is_refused(tmp_path: Path, text: str) -> None:
    write_parcel(tmp_path, 7, RUN)
    (tmp_path / "7.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ParcelError):
        read_parcel(tmp_path, 7)


@pytest.mark.parametrize("name", ["history", "objects"])
def test_a_damaged_or_missing_table_is_refused(tmp_path: Path, name: str) -> None:
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:100]), Path.unlink):
        write_parcel(tmp_path, 7, RUN)
        damage(tmp_path / f"7.{name}")
        with pytest.raises(ParcelError):
            read_parcel(tmp_path, 7)


def test_a_table_with_other_types_or_nulls_is_refused(tmp_path: Path) -> None:
    as_text = RUN.history.set_column(4, "name", RUN.history["name"].cast(pa.string()))
    null = history([[[0, "loss", None]]])
    for table, said in ((as_text, "other types or names"), (null, "without value")):
        write_parcel(tmp_path, 7, replace(RUN, history=table))
        with pytest.raises(ParcelError, match=said):
            read_parcel(tmp_path, 7)


def test_every_field_of_a_run_is_checked() -> None:
    assert FIELDS.keys() | {"history", "objects"} == {field.name for field in fields(SourceRun)}
