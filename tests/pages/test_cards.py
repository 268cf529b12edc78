"""Every number that stands large on a page, and every column of numbers, says what it means."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from analysis.store.schema import STATUSES
from pages._sweeps import _STATUSES

FILES = sorted((Path(__file__).parents[2] / "pages").glob("*.py"))


NUMBERS = {"metric", "NumberColumn", "ProgressColumn"}


def _numbers(file: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in NUMBERS]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_number_stands_without_its_meaning(file: Path) -> None:
    for call in _numbers(file):
        helps = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
        assert helps, f"{file.name}:{call.lineno}: a number without help"
        assert not isinstance(helps[0], ast.Constant) or helps[0].value, f"{file.name}:{call.lineno}: empty help"


def test_every_status_is_explained() -> None:
    assert set(_STATUSES) == set(STATUSES)
    assert sum(len(_numbers(file)) for file in FILES) > 0
