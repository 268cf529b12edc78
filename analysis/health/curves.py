"""Values that a training run does not produce, and rows in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from analysis.health.types import Finding
from analysis.health.words import count, ids
from analysis.runs.direction import Direction
from analysis.store.schema import FINAL_STATUSES

_FEWEST_EQUAL: Final = 3
"""Values that must be equal before a curve counts as constant; two may agree by chance where they are rounded."""
_TOKEN_JUMP: Final = 20.0
"""A step with this many times the usual tokens is a jump, our choice: batches of packed text vary less than that."""


def find_odd_values(
    counted: pd.DataFrame, summaries: pd.DataFrame, paces: pd.DataFrame, *, metric: str, direction: Direction
) -> Iterator[Finding]:
    """Yields curves that do not move, results of exactly zero, and token counts that jump or fall.

    Args:
        counted: Rows of `Snapshot.results(metric)` that have a value or diverged.
        summaries: As `Snapshot.metric_summaries()` gives it.
        paces: As `Snapshot.paces(metric)` gives it.
        metric: Name of the metric.
        direction: Whether lower or higher values of it are better.
    """
    curves = summaries[(summaries["name"] == metric) & summaries["run_id"].isin(counted["run_id"])]
    constant = curves[(curves["n_logged"] >= _FEWEST_EQUAL) & (curves["lowest"] == curves["highest"])]
    if len(constant):
        yield Finding(
            kind="constant",
            severity="problem",
            message=f"In {count(len(constant), 'run')} every value of {metric} is the same.",
            run_ids=ids(constant["run_id"]),
            advice="Check that the weights were trained and that the evaluation saw them.",
        )
    zero = counted[counted["value"] == 0]
    if len(zero):
        yield Finding(
            kind="zero",
            severity="problem" if direction == "min" else "remark",
            message=f"The last {metric} is exactly 0 ({count(len(zero), 'run')}).",
            run_ids=ids(zero["run_id"]),
            advice="Check whether 0 stands for a missing value or for an empty evaluation.",
        )
    yield from _tokens(paces)


def find_misplaced_rows(results: pd.DataFrame, summaries: pd.DataFrame) -> Iterator[Finding]:
    """Yields runs that logged after their end, beyond their budget, or nothing at all.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        summaries: As `Snapshot.metric_summaries()` gives it.
    """
    logged = summaries.groupby("run_id").agg(last_step=("last_step", "max"), last_attempt=("last_attempt", "max"))
    runs = results.merge(logged, left_on="run_id", right_index=True, how="left")
    is_final = runs["status"].isin(FINAL_STATUSES)
    later = runs[is_final & (runs["last_attempt"] > runs["attempt"]).fillna(False)]
    if len(later):
        yield Finding(
            kind="logged_after_the_end",
            severity="problem",
            message=f"Values of a later attempt than the one that ended are ignored ({count(len(later), 'run')}).",
            run_ids=ids(later["run_id"]),
            advice="Let one writer at a time write a run, and write the attempt into its row.",
        )
    beyond = runs[(runs["last_step"] > runs["max_steps"]).fillna(False)]
    if len(beyond):
        yield Finding(
            kind="beyond_the_budget",
            severity="problem",
            message=f"Values were logged beyond the budget of steps ({count(len(beyond), 'run')}).",
            run_ids=ids(beyond["run_id"]),
            advice="Correct max_steps, or compare such runs with others of the same length only.",
        )
    began = runs[
        runs["attempt"].notna() & runs["last_step"].isna() & runs["status"].isin({"running", "failed", "stopped"})
    ]
    if len(began):
        yield Finding(
            kind="no_rows",
            severity="remark",
            message=f"An attempt began and logged nothing ({count(len(began), 'run')}).",
            run_ids=ids(began["run_id"]),
            advice="Look at the reason of the status; start such runs again.",
        )


def _tokens(paces: pd.DataFrame) -> Iterator[Finding]:
    back = paces[paces["n_tokens_back"] > 0]
    if len(back):
        yield Finding(
            kind="tokens_back",
            severity="remark",
            message=f"In {count(len(back), 'run')} the number of trained tokens falls from one step to the next.",
            run_ids=ids(back["run_id"]),
            advice="Do not read their curves by tokens.",
        )
    jump = paces[(paces["usual_tokens"] > 0) & (paces["most_tokens"] > _TOKEN_JUMP * paces["usual_tokens"])]
    if len(jump):
        yield Finding(
            kind="token_jump",
            severity="remark",
            message=f"In {count(len(jump), 'run')} one step has over {_TOKEN_JUMP:g} times the usual number of tokens.",
            run_ids=ids(jump["run_id"]),
            advice="Check whether steps are missing from the log or the count was changed.",
        )
