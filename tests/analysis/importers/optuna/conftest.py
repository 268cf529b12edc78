"""Storages written by Optuna, once a session."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.analysis.importers.optuna import write_logs


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `sweep.db` and `journal.log`; not to be changed."""
    folder = tmp_path_factory.mktemp("optuna")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_logs.write(folder)
    return folder
