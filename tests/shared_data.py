"""Where the public sweep tables lie that are tried on but never committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


def table_path(name: str) -> Path:
    """The table `name`, such as `tinker-sft-sweep/sft_sweep.csv`; skips the test where the tables are absent."""
    path = Path(os.environ.get("UCURVE_SHARED_DATA", _BESIDE_THE_CHECKOUT)) / name
    if not path.is_file():
        pytest.skip(f"the public table {name} is not here; set UCURVE_SHARED_DATA to the folder that holds it")
    return path
