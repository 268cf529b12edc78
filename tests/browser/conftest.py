"""One served dashboard and one chromium for all browser tests; they skip, visibly, where there is no chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tools.browser import Chromium, start_chromium
from docs.tools.server import dashboard
from runner.reporting.browser import find_chromium
from tests.pages.stores import mixed, write_store

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser takes seconds to start, so everything in this folder is slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """For this folder only: while playwright runs, the tests of other folders cannot use asyncio."""
    binary = find_chromium()
    if binary is None:
        pytest.skip("no chromium on this machine (Debian: apt install chromium)")
    with start_chromium(binary) as browser:
        yield browser


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on a store with two sweeps."""
    folder = tmp_path_factory.mktemp("browser")
    with dashboard(write_store(folder / "store", mixed()), log=folder / "server.log") as url:
        yield url
    assert "Traceback" not in (folder / "server.log").read_text()
