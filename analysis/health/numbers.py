"""Learning rates and batch sizes that cannot be right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from analysis.health.types import Finding
from analysis.health.words import count, ids, listed
from analysis.runs.values import is_learning_rate

_ODD_RATIO: Final = 3.0
"""Tokens per sequence this many times above or below the usual of the same data are odd; our choice."""


def find_odd_numbers(results: pd.DataFrame) -> Iterator[Finding]:
    """Yields learning rates that are none, and batches whose tokens and sequences do not fit together.

    Args:
        results: As `Snapshot.results(metric)` gives it.
    """
    yield from _learning_rates(results)
    yield from _batch_tokens(results)


def _learning_rates(results: pd.DataFrame) -> Iterator[Finding]:
    rates = results["learning_rate"]
    wrong = results[[bool(pd.notna(rate)) and not is_learning_rate(float(rate)) for rate in rates]]
    if len(wrong):
        shown = [f"{rate:g}" for rate in sorted(wrong["learning_rate"].unique())]
        yield Finding(
            kind="learning_rate",
            severity="problem",
            message=f"The learning rate cannot be one ({listed(shown)}) in {count(len(wrong), 'run')}.",
            run_ids=ids(wrong["run_id"]),
            advice="Correct the learning rate: the configured peak, above zero.",
        )


def _batch_tokens(results: pd.DataFrame) -> Iterator[Finding]:
    told = results[results["batch_tokens"].notna() & (results["batch_size"].fillna(0) > 0)]
    a_sequence = told["batch_tokens"].astype(float) / told["batch_size"].astype(float)
    fewer = told[a_sequence < 1]
    if len(fewer):
        yield Finding(
            kind="batch_tokens",
            severity="problem",
            message=f"A batch has fewer tokens than sequences in {count(len(fewer), 'run')}.",
            run_ids=ids(fewer["run_id"]),
            advice="Check the units: batch_size counts sequences, batch_tokens the trained tokens of one step.",
        )
    usual = a_sequence.groupby([told["model"].fillna(""), told["dataset"].fillna("")]).transform("median")
    odd = told[(a_sequence >= 1) & (np.abs(np.log(a_sequence.clip(lower=1) / usual)) > math.log(_ODD_RATIO))]
    if len(odd):
        yield Finding(
            kind="batch_tokens",
            severity="remark",
            message=f"In {count(len(odd), 'run')} a sequence has over {_ODD_RATIO:g} times more or fewer tokens than "
            f"usual for the model and data.",
            run_ids=ids(odd["run_id"]),
            advice="Check the units: batch_size counts sequences, batch_tokens the trained tokens of one step.",
        )
