"""A served dashboard on a store of several sweeps, and its process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.dashboard_load import Server
from benchmarks.many_sweeps import write_team_store
from docs.tools.server import dashboard

N_RUNS = 200


@dataclass(frozen=True)
class Served:
    """Where the dashboard answers, and its process."""

    address: str
    server: Server


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    write_team_store(tmp_path / "store", N_RUNS, n_steps=40)
    with dashboard(tmp_path / "store", log=tmp_path / "server.log") as address:
        yield Served(address, Server.of_this_process())
    assert "Traceback" not in (tmp_path / "server.log").read_text()
