"""One stub server and one helper process of the client for all tests of a session, in folders of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb_api.api_source import WandbApiSource
from tests.analysis.importers.wandb_api.stub_server import API_KEY, StubServer

NOW = 1_782_000_000.0
"""2026-06-21."""
_SHORT = {
    "WANDB_X_GRAPHQL_RETRY_MAX": "1",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "1",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "1",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "1",
}


@dataclass
class Importer:
    """The source, asked as an import does."""

    server: StubServer
    source: WandbApiSource = field(default_factory=WandbApiSource)
    signs: list[int] = field(default_factory=list)

    def request(self, *targets: str, **options: str) -> Request:
        return Request(targets=targets or ("team/proj",), options={"base_url": self.server.url, **options}, now=NOW)

    def find(self, *targets: str, **options: str) -> list[Item | Refusal]:
        return list(self.source.find(self.request(*targets, **options)))

    def items(self, *targets: str, **options: str) -> list[Item]:
        return [found for found in self.find(*targets, **options) if isinstance(found, Item)]

    def read(self, item: Item, **options: str) -> SourceRun | Refusal:
        (found,) = self.source.read(item, self.request(**options), self.signs.append)
        return found

    def run(self, name: str, **options: str) -> SourceRun:
        """The one run of that name, found and read."""
        (item,) = self.items(f"team/proj/{name}", **options)
        found = self.read(item, **options)
        assert isinstance(found, SourceRun), found
        return found


@pytest.fixture(scope="session")
def _client_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home and settings of the tests' own, and the end of the client's helper process."""
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("WANDB_", "XDG_", "NETRC"))]:
        del os.environ[name]
    os.environ.update(_SHORT, HOME=str(home), WANDB_API_KEY=API_KEY)
    try:
        yield
    finally:
        import wandb

        wandb.teardown()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def server(_client_environment: None) -> Iterator[StubServer]:
    """A server a test: the helper process goes on with requests that nobody waits for, and those must not meet it."""
    with StubServer().serving() as server:
        yield server
    assert server.unknown == []


@pytest.fixture
def importer(server: StubServer) -> Importer:
    return Importer(server)


def logged(run: SourceRun) -> dict[tuple[int, str], Any]:
    """(step, name) -> number."""
    rows = run.history.to_pylist()
    values = {(row["step"], row["name"]): row["value"] for row in rows}
    assert len(values) == len(rows)
    return values


def objects(run: SourceRun) -> dict[tuple[int, str], str]:
    """(step, name) -> JSON."""
    return {(row["step"], row["name"]): row["json"] for row in run.objects.to_pylist()}


def truth(rows: list[dict[str, Any]]) -> dict[tuple[int, str], Any]:
    """What `logged` must give for rows of numbers, made without the code under test."""
    return {(row["_step"], name): value for row in rows for name, value in row.items() if not name.startswith("_")}
