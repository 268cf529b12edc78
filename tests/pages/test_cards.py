"""Every number that stands large on a page says what it means."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from analysis.store.schema import STATUSES
from pages._sweeps import _STATUSES

FILES = sorted((Path(__file__).parents[2] / "pages").glob("*.py"))


def _metrics(file: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "metric"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_number_stands_without_its_meaning(file: Path) -> None:
    for call in _metrics(file):
        helps = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
        assert helps, f"{file.name}:{call.lineno}: st.metric without help"
        assert not isinstance(helps[0], ast.Constant) or helps[0].value, f"{file.name}:{call.lineno}: empty help"


def test_every_status_is_explained() -> None:
    assert set(_STATUSES) == set(STATUSES)
    assert sum(len(_metrics(file)) for file in FILES) > 0
