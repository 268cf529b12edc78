"""The analysis says of the real sweep what it said before; `make golden` accepts a change that a person has read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.answers import VERBS, answer_file, ask, import_sweep


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden") / "store"
    import_sweep(folder)
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_the_answer_is_the_one_on_file(verb: str, store: Path) -> None:
    found, expected = dict(_leaves(ask(verb, store))), dict(_leaves(json.loads(answer_file(verb).read_text())))

    assert found.keys() == expected.keys()
    wrong = {path: (found[path], value) for path, value in expected.items() if not _same(found[path], value)}
    assert wrong == {}


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _leaves(item, f"{path}/{key}")
    else:
        yield path, value


def _same(found: object, expected: object) -> bool:
    """Equal; other processors add numbers in another order, which resampling makes a little larger."""
    if isinstance(found, float) and isinstance(expected, int | float):
        return found == pytest.approx(expected, rel=1e-4, abs=1e-9)
    return found == expected
