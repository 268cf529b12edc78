"""Every test here is slow, leaves no process behind, and says where its files are when it fails."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.bench import CLEAR_WITHIN_S, SEED, Bench
from tests.faults.oracles import Reference
from tests.runner.conftest import pairs_file, tiny_model_folder  # noqa: F401 - fixtures that are used here, too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No process that works in the folder of the test stays; what cleans up after a killed one has its time."""
    sys.stderr.write(f"seed {SEED}, files in {tmp_path}\n")  # shown where a test fails, beside the store it broke
    yield
    left = _processes_in(tmp_path)
    deadline = time.monotonic() + CLEAR_WITHIN_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _processes_in(tmp_path)
    for process in left:
        process.kill()
    assert not left, f"left behind: {left}"


def _processes_in(folder: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _works_in(p, folder)]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        places = [*process.cmdline(), process.cwd(), *(file.path for file in process.open_files())]
    except (psutil.Error, OSError):
        return False
    return any(str(folder) in place for place in places)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A store, its queue, and a sweep of a few seconds."""
    return _bench(request, tmp_path)


@pytest.fixture(scope="session")
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What that sweep is when nobody disturbs it."""
    return Reference(_bench(request, tmp_path_factory.mktemp("reference")))


def _bench(request: pytest.FixtureRequest, folder: Path) -> Bench:
    model, pairs = map(request.getfixturevalue, ("tiny_model_folder", "pairs_file"))
    return Bench(folder, model, pairs)
