"""A server whose answers make no sense, or are those of another version."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.errors import ConfigError
from analysis.importers.source_run import Refusal, SourceRun
from tests.analysis.importers.wandb_api.conftest import Importer
from tests.analysis.importers.wandb_api.stub_runs import StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import Fault

pytestmark = pytest.mark.slow

_ROWS = numbered_rows(range(1500))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>proxy</html>",
        "{}",
        "[]",
        '{"data": null}',
        '{"data": []}',
        '{"data": {"project": {}}}',
        '{"data": {"project": {"run": 7, "runs": {"edges": [{}]}}}}',
        '{"data": {"project": {"run": {"x": 1}, "runs": {"edges": [{"node": {"x": 1}}]}}}}',
        '{"data": {"project": {"run": {"history": 7}, "runs": {"edges": 7}}}}',
        '{"errors": [{"message": "Cannot query field historyKeys on type Run"}]}',
    ],
)
@pytest.mark.parametrize("operation", ["Runs", "Run", "HistoryPage"])
def test_an_answer_that_makes_no_sense_ends_in_a_sentence(importer: Importer, operation: str, body: str) -> None:
    importer.server.add(StubRun("r", _ROWS))
    (item,) = importer.items()
    importer.server.fault(operation, Fault(200, body=body), times=9)
    (found,) = _found(importer) if operation == "Runs" else [importer.read(item)]
    assert isinstance(found, Refusal) or (isinstance(found, SourceRun) and found.verdict == "partial")


def _found(importer: Importer) -> list[Any]:
    try:
        return importer.find()
    except ConfigError as problem:
        return [Refusal(kind="wandb", label="", reason=str(problem))]
