import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["runner.spec.axes", "runner.spec.grid", "analysis.strict_yaml.problems", "runner.data.skill_tasks"]
)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
