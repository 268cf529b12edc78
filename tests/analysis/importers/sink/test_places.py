"""One run at two places that nothing tells apart: whichever comes, and however it is written, nothing moves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.importers.registry import kind_named
from analysis.importers.sink import ImportReport, import_from
from analysis.importers.source import Request
from analysis.store import Store
from tests.analysis.importers.sink.bringing import bring, open_store, states, versions
from tests.analysis.importers.sink.test_plan_properties import TELLINGS, Shelf, adds

KILLED = Path(__file__).parents[1] / "tinker" / "logs" / "killed"
"""Its key is its content, and no import of it is the last one: it may still go on."""


def import_tinker(store: Store, *targets: str) -> ImportReport:
    return import_from([kind_named("tinker")], Request(targets=targets, now=2e9), store)


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    return [Path(shutil.copytree(KILLED, tmp_path / name / "run")) for name in "ab"]


def test_a_copied_folder_is_one_run_and_comes_in_once(copies: list[Path], tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first = import_tinker(store, *map(str, copies))
    assert [line.state for line in first.lines] == ["new", "unchanged"]
    before = versions(store)
    assert {line.state for line in import_tinker(store, *map(str, copies)).lines} == {"unchanged"}
    assert {line.state for line in import_tinker(store, *map(str, reversed(copies))).lines} == {"unchanged"}
    assert versions(store) == before
    assert len(store.snapshot().runs()) == 1


def test_a_path_is_the_same_place_however_it_is_written(
    copies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder = open_store(tmp_path), copies[0]
    import_tinker(store, str(folder))
    before = versions(store)
    monkeypatch.chdir(tmp_path)
    for target in ("a/run", "./a/../a/run/", f"{folder}/"):
        (line,) = import_tinker(store, target).lines
        assert (line.state, line.result.source) == ("unchanged", str(folder))
    assert versions(store) == before


def test_a_copy_made_half_way_changes_nothing_and_one_that_went_on_counts(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    here = {"id": "here", "key": "k", "n": 5, "verdict": "unverified", "status": "running"}
    early = here | {"id": "early", "n": 3, "status": "lost"}
    bring(store, here)
    (line,) = bring(store, early)
    assert (line.state, list(store.snapshot().runs()["status"])) == ("unchanged", ["running"])
    assert "the store has 5 rows of it from script/here; only 3 came now" in line.notes[-1]
    before = versions(store)
    assert states(bring(store, here, early)) == ["unchanged"] * 2
    assert versions(store) == before
    (line,) = bring(store, early | {"n": 7, "verdict": "complete", "status": "finished"})
    assert (line.state, list(store.snapshot().runs()["status"])) == ("extended", ["finished"])


def test_a_run_that_was_moved_may_still_end(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    before = {"id": "before", "key": "k", "verdict": "unverified", "status": "running"}
    bring(store, before)
    assert states(bring(store, before | {"id": "after", "status": "lost"})) == ["changed"]
    assert list(store.snapshot().runs()["status"]) == ["lost"]


@given(TELLINGS, st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=80, deadline=None)
def test_copies_of_which_some_are_cut_come_to_rest(telling: dict[str, Any], lengths: list[int]) -> None:
    points = [[step, "a", float(step)] for step in range(4)]
    shelf = Shelf()
    copies = [
        telling | {"id": str(place), "key": "k", "attempts": [points[:length]]} for place, length in enumerate(lengths)
    ]
    for copy in copies:
        shelf.take(copy)
    for copy in copies:
        shelf.take(copy)
    assert not any(adds(shelf.take(copy)) for copy in copies)
