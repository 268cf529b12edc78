"""Exact rows against what the stub server holds: exports, live rows, faults of both; and what the stock calls lose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from analysis.importers.source_run import SourceRun
from tests.analysis.importers.wandb_api.conftest import Importer, logged, objects, truth
from tests.analysis.importers.wandb_api.stub_runs import BEGAN, StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import API_KEY, Fault, StubServer

if TYPE_CHECKING:
    from wandb.apis.public import Run

pytestmark = pytest.mark.slow

N = 2500
LIVE: list[tuple[int, int]] = []
HALF = [(0, 1000), (1000, 2000)]
ALL = [(0, 1000), (1000, 2000), (2000, N)]


@pytest.mark.parametrize(
    "faults",
    [
        {"exports": LIVE},
        {"exports": HALF},
        {"exports": ALL},
        {"exports": [(1000, 2000), (0, 1200), (1900, N)]},
        {"exports": HALF, "no_live_data": True},
        {"exports": LIVE, "null_keys": True},
        {"exports": LIVE, "null_keys": True, "summary": {"_step": N - 1}},
        {"exports": HALF, "null_keys": True},
        {"exports": LIVE, "page_cap": 300},
        {"exports": HALF, "page_cap": 70},
        {"exports": LIVE, "page_cap": 300, "null_keys": True},
        {"exports": LIVE, "page_cap": 300, "samples_pages": True},
        {"exports": ALL, "truncate_export": True},
        {"exports": ALL, "export_status": 403},
        {"exports": HALF, "export_status": 404},
    ],
    ids=lambda faults: " ".join(f"{key}={value}" for key, value in faults.items() if key != "summary"),
)
def test_every_row_comes_whatever_the_server_does(importer: Importer, faults: dict[str, Any]) -> None:
    rows = numbered_rows(range(N))
    importer.server.add(StubRun("r", rows, **faults))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert (run.verdict, run.reason, run.rows_expected, run.rows_got) == ("complete", None, N, N)
    assert importer.signs


@pytest.mark.parametrize(
    ("steps", "pages"),
    [([0, 1_000_000, 2_000_000], 1), (range(61_010, 61_310), 62), (range(0, 250_000, 100), 3)],
    ids=["three rows", "late start", "gaps of 100"],
)
def test_sparse_steps_cost_few_requests(importer: Importer, steps: range, pages: int) -> None:
    rows = numbered_rows(steps)
    importer.server.add(StubRun("r", rows))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert run.verdict == "complete"
    assert importer.server.counts["HistoryPage"] <= pages


def test_a_stale_export_whose_gap_the_server_does_not_call_live_loses_nothing(importer: Importer) -> None:
    rows = numbered_rows(range(N))
    server_run = StubRun("r", rows, exports=[(0, 1000), (2000, N)])
    importer.server.add(server_run)
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert run.verdict == "complete"


def test_rows_that_the_server_counts_but_does_not_give_make_it_partial(importer: Importer) -> None:
    rows = numbered_rows(range(50))
    importer.server.add(StubRun("r", rows, line_count=60))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert (run.verdict, run.rows_expected, run.rows_got) == ("partial", 60, 50)
    assert run.reason == "the server says that the run has 60 rows, and gave 50 of them"


def test_more_rows_than_the_server_counts_are_suspect(importer: Importer) -> None:
    rows = numbered_rows(range(50))
    importer.server.add(StubRun("r", rows, line_count=40))
    run = importer.run("r")
    assert run.verdict == "partial"
    assert "set back" in str(run.reason)
    assert logged(run) == truth(rows)


def test_a_server_that_does_not_count_rows_is_unverified(importer: Importer) -> None:
    rows = numbered_rows(range(1500))
    importer.server.add(StubRun("r", rows, exports=[(0, 900)], fields={"historyLineCount": None}))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert run.verdict == "unverified"
    assert "does not say how many rows" in str(run.reason)


def test_a_rewound_run_is_read_as_it_is_now(importer: Importer) -> None:
    server_run = StubRun("r", numbered_rows(range(100)))
    importer.server.add(server_run)
    (before,) = importer.items()
    server_run.rows = [*numbered_rows(range(40)), {"_step": 40, "_timestamp": BEGAN, "loss": -1.0}]
    (after,) = importer.items()
    assert before.digest != after.digest
    run = importer.run("r")
    assert logged(run) == truth(server_run.rows)
    assert run.verdict == "complete"


def test_exports_from_before_a_rewind_are_not_taken(importer: Importer) -> None:
    before = numbered_rows(range(100))
    rows = [*numbered_rows(range(40)), *({**row, "loss": -1.0} for row in numbered_rows(range(40, 61)))]
    importer.server.add(StubRun("r", rows, exports=[(0, 100)], exported_rows=before))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert run.verdict == "complete"
    assert "the exported history is from before the run was set back to an earlier step" in run.notes


def test_rows_logged_while_it_is_read_are_no_contradiction(importer: Importer) -> None:
    rows = numbered_rows(range(60))
    server_run = StubRun("r", rows[:50], state="running")
    importer.server.add(server_run)
    (item,) = importer.items()
    importer.server.fault("HistoryPage", Fault(before=lambda: server_run.rows.extend(rows[50:])))
    run = importer.read(item)
    assert isinstance(run, SourceRun)
    assert run.verdict == "unverified"
    assert (run.rows_got, logged(run)) == (50, truth(rows[:50]))


def test_a_server_that_neither_counts_nor_gives_whole_pages_is_read_to_the_end(importer: Importer) -> None:
    rows = numbered_rows(range(1500))
    importer.server.add(StubRun("r", rows, page_cap=300, fields={"historyLineCount": None}))
    run = importer.run("r")
    assert logged(run) == truth(rows)
    assert run.verdict == "unverified"


def test_an_empty_run_is_complete_without_reading_any_page(importer: Importer) -> None:
    importer.server.add(StubRun("r"))
    run = importer.run("r")
    assert (run.verdict, run.rows_got, len(run.history)) == ("complete", 0, 0)
    assert importer.server.counts["HistoryPage"] == importer.server.counts["RunParquetHistory"] == 0


@pytest.mark.parametrize("exports", [LIVE, [(0, 3)], [(0, 2), (2, 4)], [(0, 4)]], ids=str)
@pytest.mark.parametrize("nan_as_text", [True, False])
def test_not_a_number_stays_what_it_was(importer: Importer, exports: list[tuple[int, int]], nan_as_text: bool) -> None:
    values = [0.5, math.nan, math.inf, -math.inf, 1.0]
    rows = [{"_step": i, "_timestamp": BEGAN + i, "loss": value} for i, value in enumerate(values)]
    importer.server.add(StubRun("r", rows, exports=exports, nan_as_text=nan_as_text))
    run = importer.run("r")
    got = [logged(run)[i, "loss"] for i in range(len(values))]
    assert str(got) == str(values)
    assert objects(run) == {}
    n_live_words = sum(1 for i in (1, 2, 3) if i >= max((end for _, end in exports), default=0))
    assert [note for note in run.notes if "became numbers" in note] == (
        [f"{n_live_words} values that the server sent as text (NaN or infinities) became numbers"]
        if nan_as_text and n_live_words
        else []
    )


def test_a_text_that_looks_like_a_number_stays_text_where_its_key_has_none(importer: Importer) -> None:
    rows = [
        {"_step": 0, "answer": "NaN", "mixed": "NaN", "loss": 1},
        {"_step": 1, "answer": "yes", "mixed": 2.5, "loss": 2},
        {"_step": 2, "only": "Infinity", "mixed": "text"},
    ]
    importer.server.add(StubRun("r", rows))
    run = importer.run("r")
    assert logged(run) == {(0, "loss"): 1, (1, "loss"): 2, (1, "mixed"): 2.5}
    assert objects(run) == {
        (0, "answer"): '"NaN"', (1, "answer"): '"yes"', (2, "only"): '"Infinity"',
        (0, "mixed"): '"NaN"', (2, "mixed"): '"text"',
    }  # fmt: skip
    assert "3 texts such as 'NaN' stayed text: nothing else says that their keys are numbers" in run.notes


@pytest.mark.parametrize("exports", [LIVE, [(0, 9)]], ids=["live", "exported"])
def test_values_that_are_no_numbers_come_as_objects(importer: Importer, exports: list[tuple[int, int]]) -> None:
    row = {
        "_step": 3, "_timestamp": BEGAN, "_runtime": 7.5, "flag": True, "text": "héllo ☃", "list": [1, 2.0, 0.5],
        "histogram": {"_type": "histogram", "values": [1, 2], "bins": [0, 1.0, 2]}, "nested": {"a": 1.5, "b": {"c": 2}},
        "big": 2**62, "odd": 2**53 + 1, "_private": 4, "loss": 1,
    }  # fmt: skip
    importer.server.add(StubRun("r", [row], exports=exports))
    run = importer.run("r")
    assert logged(run) == {
        (3, "nested.a"): 1.5, (3, "nested.b.c"): 2, (3, "big"): 2.0**62, (3, "odd"): 2.0**53, (3, "_private"): 4,
        (3, "loss"): 1,
    }  # fmt: skip
    assert objects(run) == {
        (3, "flag"): "true", (3, "text"): '"héllo ☃"', (3, "list"): "[1,2,0.5]",
        (3, "histogram"): '{"_type":"histogram","bins":[0,1,2],"values":[1,2]}',
        (3, "big"): str(2**62), (3, "odd"): str(2**53 + 1),
    }  # fmt: skip
    assert set(run.history["wall_time"].to_pylist()) == {7.5}


def test_what_the_stock_calls_lose_comes_in(importer: Importer, server: StubServer) -> None:
    rows = numbered_rows(range(N))
    capped = StubRun("capped", rows, page_cap=300)
    unlisted = StubRun("unlisted", rows, exports=HALF, no_live_data=True)
    keyless = StubRun("keyless", rows, null_keys=True)
    grown = StubRun("grown", rows[:1500], exports=[(0, 1000)])
    server.add(capped, unlisted, keyless, grown)
    importer.items()  # logs in
    import wandb

    def stock(name: str) -> Run:
        return wandb.Api(overrides={"base_url": server.url}, api_key=API_KEY).run(f"team/proj/{name}")

    assert len(list(stock("grown").scan_history())) == 1500
    grown.rows, grown.exports = rows, [(0, 2000)]
    counts = {name: len(list(stock(name).scan_history())) for name in ("capped", "unlisted", "keyless", "grown")}
    assert counts == {"capped": 900, "unlisted": 2000, "keyless": 0, "grown": 1500}
    assert len(stock("capped").history(pandas=False)) < 501
    for name in counts:
        run = importer.run(name)
        assert (name, run.rows_got, run.verdict) == (name, N, "complete")
        assert logged(run) == truth(rows)
