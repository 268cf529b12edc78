"""Shared test set-up: one repeatable hypothesis profile, an empty store, and a small filled one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from analysis.store import Store
from tests import synthetic

# A red build must be repeatable: examples follow from the test alone. UCURVE_HYPOTHESIS=explore looks for new ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("repeatable"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("UCURVE_HYPOTHESIS", "repeatable"))


def pytest_report_header() -> str:
    """How to repeat this very run; pytest-randomly prints its seed beside it."""
    return f"hypothesis profile: {settings.get_current_profile_name()}; repeat the test order with --randomly-seed=N"


@pytest.fixture(autouse=True)
def _own_main_module() -> Iterator[None]:
    """A page under test takes the place of `__main__`; a child process started later would run it again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store of its own."""
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture(scope="session")
def sweep_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The sweep of `tests.synthetic`, shared by all tests: read it, never write to it."""
    return synthetic.fill(Store.open(tmp_path_factory.mktemp("sweep") / "store", create=True))
