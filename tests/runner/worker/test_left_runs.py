"""A process that died leaves runs in the store that say they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.store import Store
from runner.sweep_lock import sweep_lock
from runner.worker.left_runs import say_ended, say_lost

STATUSES = ("running", "queued", "finished", "diverged")


@pytest.fixture
def left(store: Store) -> Store:
    rows = [
        {"run_id": f"{sweep}-{status}", "status": status, "sweep_id": sweep, "source": source, "seed": 7}
        for sweep, source in (("mine", "local"), ("other", "local"), ("imported", "wandb"))
        for status in STATUSES
    ]
    store.append(runs=rows)
    return store


def _statuses(store: Store, sweep_id: str) -> list[object]:
    rows = store.snapshot().run_rows([f"{sweep_id}-{status}" for status in STATUSES])
    return [rows[f"{sweep_id}-{status}"]["status"] for status in STATUSES]


def test_running_runs_are_lost_and_queued_ones_wait_for_the_next_attempt(left: Store) -> None:
    said: list[str] = []
    say_lost(Path(left.location), "mine", said.append)
    assert _statuses(left, "mine") == ["lost", "queued", "finished", "diverged"]
    row = left.snapshot().run_rows(["mine-running"])["mine-running"]
    assert (row["status_reason"], row["seed"]) == ("its process ended without a word", 7)
    assert said == []


def test_of_a_sweep_that_ended_queued_runs_never_begin(left: Store) -> None:
    say_ended(Path(left.location), "mine", pytest.fail)
    assert _statuses(left, "mine") == ["lost", "stopped", "finished", "diverged"]


@pytest.mark.parametrize("sweep_id", ["other", "imported"])
def test_other_sweeps_are_left_alone(left: Store, sweep_id: str) -> None:
    say_ended(Path(left.location), "mine", pytest.fail)
    say_ended(Path(left.location), "imported", pytest.fail)
    assert _statuses(left, sweep_id) == list(STATUSES)


def test_sweep_that_somebody_runs_is_left_alone_and_this_is_said(left: Store) -> None:
    said: list[str] = []
    with sweep_lock(left.location, "mine"):
        say_ended(Path(left.location), "mine", said.append)
    assert _statuses(left, "mine") == list(STATUSES)
    assert "runs of mine may be shown as running although none does: sweep 'mine' is being run" in said[0]


def test_place_without_a_store_stays_without(tmp_path: Path) -> None:
    say_ended(tmp_path / "none", "mine", pytest.fail)
    assert not (tmp_path / "none").exists()
