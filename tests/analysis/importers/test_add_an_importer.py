"""The importer that the documentation shows works as it stands there."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.importers.places import change_digest, existing_path, files_below
from analysis.importers.points import Points
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from tests.analysis.importers.reading import curve, read_all

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "add-an-importer.md"
NAMES: dict[str, Any] = {
    "Item": Item,
    "Iterator": Iterator,
    "Points": Points,
    "Progress": Progress,
    "Refusal": Refusal,
    "Request": Request,
    "SourceRun": SourceRun,
    "change_digest": change_digest,
    "csv": csv,
    "existing_path": existing_path,
    "files_below": files_below,
}


def test_the_documented_importer_reads_a_log(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    scope = dict(NAMES)
    exec(code[-1], scope)  # noqa: S102 - our own documentation
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "toy.csv").write_text("step,loss\n0,2.5\n1,nan\n2,1.5\n")
    (tmp_path / "other.csv").write_text("step,loss\n0,9\n")
    runs, refusals = read_all(scope["SOURCE"], tmp_path)
    assert (len(runs), refusals) == (1, [])
    found = curve(runs[0], "loss")
    assert (found[0], found[2], len(found)) == (2.5, 1.5, 3)
    assert (runs[0].rows_expected, runs[0].rows_got) == (3, 3)
