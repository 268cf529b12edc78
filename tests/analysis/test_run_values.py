"""Which runs count: those that ended without a word only where they logged as far as the others of their kind."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analysis.health.exclusions import find_unconfirmed
from analysis.runs.values import read_run_values, settled_statuses


def _results(*runs: tuple[str, float | None, int]) -> pd.DataFrame:
    """Runs as (status, last step, batch size)."""
    return pd.DataFrame(
        {
            "run_id": [f"r{i}" for i in range(len(runs))],
            "status": [status for status, _, _ in runs],
            "learning_rate": 1e-4,
            "value": [float("nan") if step is None else 2.0 for _, step, _ in runs],
            "n_logged": [0 if step is None else 3 for _, step, _ in runs],
            "value_step": pd.array([step for _, step, _ in runs], dtype="Int64"),
            "batch_size": [batch for _, _, batch in runs],
            "source": "wandb",
        }
    )


def test_an_unconfirmed_run_counts_where_it_came_as_far_as_the_others() -> None:
    results = _results(("finished", 100, 8), ("unconfirmed", 100, 8), ("unconfirmed", 60, 8), ("unconfirmed", 50, 16))
    assert [run.role for run in read_run_values(results)] == ["value", "value", "left_out", "value"]


def test_runs_that_failed_or_go_on_are_no_measure_of_the_length() -> None:
    results = _results(("failed", 200, 8), ("running", 150, 8), ("unconfirmed", 100, 8))
    assert [run.role for run in read_run_values(results)] == ["left_out", "pending", "value"]


def test_an_unconfirmed_run_without_the_metric_does_not_count() -> None:
    assert [run.role for run in read_run_values(_results(("unconfirmed", None, 8)))] == ["left_out"]


def test_without_steps_nothing_is_taken_for_finished() -> None:
    results = _results(("unconfirmed", 100, 8)).drop(columns="value_step")
    assert [run.role for run in read_run_values(results)] == ["left_out"]


STATUSES = st.sampled_from(["finished", "unconfirmed", "failed", "running", "diverged", "lost"])
RUNS = st.lists(st.tuples(STATUSES, st.none() | st.integers(0, 5), st.integers(1, 2)), min_size=1, max_size=12)


@given(RUNS)
def test_only_unconfirmed_runs_change_and_their_order_does_not_matter(
    runs: list[tuple[str, float | None, int]],
) -> None:
    results = _results(*runs)
    settled = settled_statuses(results)
    changed = settled[settled != results["status"]]
    assert set(results.loc[changed.index, "status"]) <= {"unconfirmed"}
    assert set(changed) <= {"finished"}
    shuffled = results.sample(frac=1, random_state=len(runs))
    pd.testing.assert_series_equal(settled_statuses(shuffled).sort_index(), settled)


def test_data_health_says_which_runs_count_without_a_word_of_their_end() -> None:
    results = _results(("finished", 100, 8), ("unconfirmed", 100, 8), ("unconfirmed", 60, 8))
    (finding,) = find_unconfirmed(results)
    assert (finding.run_ids, finding.severity) == (("r1",), "remark")
    assert list(find_unconfirmed(results.iloc[:1])) == []
