"""The fixture of the trainer's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.analysis.importers.trainer.folders import LOGS, Copy


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Copies one of the folders; the copy keeps its times."""
    return lambda name: Path(shutil.copytree(LOGS / name, tmp_path / name))
