"""What Ucurve noted in the copy of its own run that it sent to W&B."""

from __future__ import annotations

import pytest

from analysis.importers.source_run import SourceRun
from analysis.importers.wandb.internal import with_own_words

OWN: dict[str, object] = {"run_id": "abc-s1", "sweep_id": "tiny"}


def told(config: object, summary: dict[str, object] | None = None, status: str = "failed") -> SourceRun:
    return SourceRun(
        kind="wandb",
        label="p/r",
        key=("local", "r"),
        status=status,
        status_reason="exit code 1",
        verdict="complete",
        sweep="theirs",
        config={"ucurve": config},
        summary=summary or {},
    )


def test_a_copy_has_the_sweep_and_the_end_of_the_run() -> None:
    run = with_own_words(told(OWN, {"status": "diverged", "status_reason": "loss rose"}))
    assert (run.own_run_id, run.sweep, run.status, run.status_reason) == ("abc-s1", "tiny", "diverged", "loss rose")


@pytest.mark.parametrize("config", [None, "abc-s1", {}, {"run_id": 7}, {"run_id": "", "sweep_id": "tiny"}])
def test_other_peoples_runs_stay_as_they_are(config: object) -> None:
    run = told(config, {"status": "diverged"})
    assert with_own_words(run) == run


@pytest.mark.parametrize("status", ["running", "queued", "lost"])
def test_what_an_earlier_attempt_noted_says_nothing_of_one_that_goes_on(status: str) -> None:
    run = with_own_words(told(OWN, {"status": "diverged"}, status))
    assert (run.own_run_id, run.status, run.status_reason) == ("abc-s1", status, "exit code 1")


@pytest.mark.parametrize("noted", [None, "running", "exploded", 3, ["diverged"]])
def test_a_status_that_is_none_is_not_taken(noted: object) -> None:
    run = with_own_words(told(OWN, {"status": noted}))
    assert (run.status, run.status_reason) == ("failed", "exit code 1")


def test_a_copy_without_a_sweep_keeps_that_of_the_tracker() -> None:
    assert with_own_words(told({"run_id": "abc-s1"})).sweep == "theirs"
