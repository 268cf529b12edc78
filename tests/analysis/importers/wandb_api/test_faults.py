"""A server that fails: the import ends soon, and says in one sentence what was wrong."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from analysis.importers.source_run import Refusal, SourceRun
from tests.analysis.importers.wandb_api.conftest import Importer, logged, truth
from tests.analysis.importers.wandb_api.stub_runs import StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import Fault

pytestmark = pytest.mark.slow

_ROWS = numbered_rows(range(1500))


def _texts(found: list[Any]) -> str:
    assert all(isinstance(one, Refusal) for one in found)
    return " ".join(one.reason for one in found)


@pytest.mark.parametrize("operation", ["Runs", "Run", "RunParquetHistory", "HistoryPage", "RunFiles", "export"])
@pytest.mark.parametrize("fault", [Fault(429, {"Retry-After": "1"}), Fault(503)], ids=["429", "503"])
def test_a_server_that_recovers_costs_nothing(importer: Importer, operation: str, fault: Fault) -> None:
    importer.server.add(StubRun("r", _ROWS, exports=[(0, 700)]))
    importer.server.fault(operation, fault)
    began = time.monotonic()
    (item,) = importer.items()
    run = importer.read(item)
    assert isinstance(run, SourceRun), run
    assert (run.verdict, run.rows_got) == ("complete", 1500)
    assert logged(run) == truth(_ROWS)
    if fault.headers:
        assert time.monotonic() - began > 0.9


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "asks for fewer requests"), (503, "answers with HTTP 503"), (403, "does not let"), (500, "HTTP 500")],
)
def test_a_server_that_stays_ill_while_it_lists_says_so(importer: Importer, status: int, words: str) -> None:
    importer.server.add(StubRun("r", _ROWS))
    importer.server.fault("Runs", Fault(status), times=9)
    found = importer.find()
    assert words in _texts(found)
    assert "import again later" in _texts(found)


@pytest.mark.parametrize("status", [429, 503, 403])
def test_a_history_that_breaks_off_is_partial_and_keeps_what_came(importer: Importer, status: int) -> None:
    importer.server.add(StubRun("r", _ROWS, exports=[(0, 700)]))
    (item,) = importer.items()
    importer.server.fault("HistoryPage", Fault(status), times=9)
    run = importer.read(item)
    assert isinstance(run, SourceRun)
    assert (run.verdict, run.rows_expected, run.rows_got) == ("partial", 1500, 700)
    assert str(run.reason).startswith("700 of 1,500 rows came, then: http://127.0.0.1")
    assert logged(run) == truth(_ROWS[:700])


def test_a_page_that_hangs_ends_in_time(importer: Importer) -> None:
    importer.server.add(StubRun("r", _ROWS, exports=[(0, 700)]))
    (item,) = importer.items(timeout_s="1")
    importer.server.fault("HistoryPage", Fault(delay_s=20), times=9)
    run = importer.read(item, timeout_s="1")
    assert isinstance(run, SourceRun)
    assert (run.verdict, run.rows_got) == ("partial", 700)
    assert "did not answer within 1 s" in str(run.reason)
    assert "busy" not in str(run.reason)


def test_an_export_that_hangs_is_replaced_by_pages(importer: Importer) -> None:
    importer.server.add(StubRun("r", _ROWS, exports=[(0, 1500)]))
    (item,) = importer.items(timeout_s="1")
    importer.server.fault("export", Fault(delay_s=20), times=9)
    importer.signs.clear()
    run = importer.read(item, timeout_s="1")
    assert isinstance(run, SourceRun)
    assert (run.verdict, run.rows_got) == ("complete", 1500)
    assert len(importer.signs) > 2


@pytest.mark.parametrize("operation", ["Viewer", "Runs"])
def test_a_server_that_hangs_ends_in_time(importer: Importer, operation: str) -> None:
    importer.server.add(StubRun("r", _ROWS))
    importer.server.fault(operation, Fault(delay_s=20), times=9)
    assert "did not answer within 1 s; check the address, or try again later" in _texts(importer.find(timeout_s="1"))


def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(importer: Importer) -> None:
    importer.server.add(StubRun("r", _ROWS))
    importer.server.fault("Runs", Fault(429, {"Retry-After": "3600"}), times=9)
    assert "try again later" in _texts(importer.find(timeout_s="1"))


def test_pages_of_single_rows_end_some_time(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.importers.wandb_api.pages._MOST_REQUESTS", 50)
    importer.server.add(StubRun("r", _ROWS, page_cap=1))
    run = importer.run("r")
    assert run.verdict == "partial"
    assert "too small pages" in str(run.reason)
    assert logged(run).items() <= truth(_ROWS).items()


def test_a_dead_server_ends_in_one_clear_sentence(importer: Importer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    text = _texts(importer.find(base_url=url))
    assert text == f"{url} cannot be reached (connection refused); check the address and the network"


def test_after_two_failures_in_a_row_no_more_runs_are_tried(importer: Importer) -> None:
    importer.server.add(*(StubRun(f"r{i}", _ROWS) for i in range(5)))
    items = importer.items()
    importer.server.fault("Run", Fault(403), times=99)
    reasons = [_texts([importer.read(item)]) for item in items]
    assert ["not tried" in reason for reason in reasons] == [False, False, True, True, True]
    assert importer.server.counts["Run"] == 2


def test_a_run_that_is_deleted_between_listing_and_reading_says_so(importer: Importer) -> None:
    gone, there = StubRun("gone", _ROWS), StubRun("there", _ROWS)
    importer.server.add(gone, there)
    items = importer.items()
    importer.server.delete(gone)
    assert "deleted at the source" in _texts([importer.read(items[0])])
    assert isinstance(importer.read(items[1]), SourceRun)


@pytest.mark.parametrize("operation", ["RunParquetHistory", "export", "HistoryPage", "RunFiles"])
def test_a_run_that_is_deleted_while_it_is_read_is_never_a_short_complete_one(
    importer: Importer, operation: str
) -> None:
    run = StubRun("r", _ROWS, exports=[(0, 700)])
    importer.server.add(run)
    (item,) = importer.items()
    importer.server.fault(operation, Fault(before=lambda: importer.server.delete(run)))
    found = importer.read(item)
    if isinstance(found, Refusal):
        assert "deleted at the source" in found.reason
    else:
        assert found.rows_got == 1500
    importer.server.unknown.clear()  # the file of a run that is gone
