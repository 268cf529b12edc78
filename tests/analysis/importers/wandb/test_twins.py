"""A run offline and the same run on a server say the same: marks, names, numbers and objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.importers.source_run import SourceRun
from analysis.importers.wandb import SOURCE
from analysis.importers.wandb.identity import MARKED_ROWS, twin_marks
from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb.values import Values, to_values
from analysis.importers.wandb_api.cells import Cells
from tests.analysis.importers.reading import points, read_all
from tests.analysis.importers.wandb.made_up import objects
from tests.analysis.importers.wandb_log.frames import read_sound_log

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def server_rows(log: Path) -> Iterator[dict[str, object]]:
    """The rows of a log as a server gives them: nested objects, parsed here with W&B's own protobufs."""
    for record in read_sound_log(log.read_bytes()):
        if record.kind != "history":
            continue
        row: dict[str, object] = {}
        for item in record.record.history.item:
            *above, last = item.nested_key
            place = row
            for key in above:
                place = place.setdefault(key, {})  # type: ignore[assignment]
            place[last] = json.loads(item.value_json)
        yield row


def from_server(log: Path) -> tuple[Cells, Values]:
    """What the reader of servers makes of these rows."""
    cells = Cells()
    for row in server_rows(log):
        cells.add_row(row)
    names = {name: name for name in cells.history()["key"].combine_chunks().dictionary.to_pylist()}
    return cells, to_values(cells.history(), cells.media(), attempt=1, started=None, names=names)


@pytest.mark.parametrize("run_id", ["rich", "long"])
def test_both_readers_say_the_same(client_logs: Path, run_id: str) -> None:
    (log,) = client_logs.glob(f"wandb/*-{run_id}/*.wandb")
    ((local,), _) = read_all(SOURCE, log)
    cells, values = from_server(log)
    online = SourceRun(
        kind="wandb", label="", key=(), status="", verdict="complete", history=values.history, objects=values.objects
    )
    assert cells.n_rows == local.rows_got
    assert local.marks == twin_marks(run_id, run_id, cells.first_timestamps(MARKED_ROWS))
    both = "n.a", "n\\.a"  # a nested and a plain key of one name: a server's answer does not tell them apart
    numbers = [{at: repr(number) for at, number in points(run).items() if at[2] not in both} for run in (local, online)]
    assert numbers[0] == numbers[1]
    expected = {at: text for at, text in objects(local).items() if at[2] != "table"}
    assert {at: text for at, text in objects(online).items() if at[2] != "table"} == expected
    assert local.history["wall_time"].to_pylist()[:3] == online.history["wall_time"].to_pylist()[:3]
    assert len(tables(cells.media())) == len(objects(local).keys() - expected.keys())


def tables(media: list[MediaValue]) -> list[MediaValue]:
    return [value for value in media if "table-file" in value.text]
