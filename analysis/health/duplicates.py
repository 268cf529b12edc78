"""Runs that are there twice: the same configuration and seed, or the same values under another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.health.types import Finding
from analysis.health.words import count, ids, listed
from analysis.runs.configuration import OWN_AXES, GroupValue

_FEWEST_DIGITS: Final = 6
"""Significant digits from which on two equal final values are no coincidence, our choice: accuracies over a few hundred
items repeat, losses do not."""
_NOT_CONFIGURATION: Final = frozenset({*OWN_AXES} - {"learning_rate", "seed"})


def find_duplicates(
    counted: pd.DataFrame, columns: Mapping[str, Sequence[GroupValue]], summaries: pd.DataFrame, metric: str
) -> Iterator[Finding]:
    """Yields what looks like one run that is stored several times.

    Args:
        counted: Rows of `Snapshot.results(metric)` that have a value or diverged, with their place as index.
        columns: Configuration keys of all rows, as `read_configurations` gives them.
        summaries: As `Snapshot.metric_summaries()` gives it.
        metric: Name of the metric.
    """
    yield from _repeated(counted)
    yield from _same_configuration(counted, columns)
    copies = _copied_curves(counted, summaries, metric)
    yield from copies
    known = {run_id for finding in copies for run_id in finding.run_ids}
    yield from _same_values(counted[~counted["run_id"].isin(known)], metric)


def _repeated(counted: pd.DataFrame) -> Iterator[Finding]:
    keyed = counted[counted["trial_key"].notna()]
    same = keyed[keyed.duplicated(["trial_key", "seed"], keep=False)]
    seeded, unseeded = same[same["seed"].notna()], same[same["seed"].isna()]
    if len(seeded):
        yield Finding(
            kind="repeated_run",
            severity="problem",
            message=f"{count(seeded['trial_key'].nunique(), 'configuration')} ran more than once with the same seed "
            f"({count(len(seeded), 'run')}). They count as independent seeds, so intervals come out too narrow.",
            run_ids=ids(seeded["run_id"]),
            advice="Keep one run of each seed, or record the seeds that they really had.",
        )
    if len(unseeded):
        yield Finding(
            kind="unseeded_replicates",
            severity="remark",
            message=f"{count(unseeded['trial_key'].nunique(), 'configuration')} ran more than once without a seed on "
            f"record ({count(len(unseeded), 'run')}). They are taken for replicates and averaged.",
            run_ids=ids(unseeded["run_id"]),
            advice="Record the seed, so that a copy can be told from a replicate.",
        )


def _same_configuration(counted: pd.DataFrame, columns: Mapping[str, Sequence[GroupValue]]) -> Iterator[Finding]:
    keys = [key for key in columns if key not in _NOT_CONFIGURATION]
    told = counted[counted["seed"].notna()]
    signed = told.assign(
        signature=pd.Series([tuple(columns[key][row] for key in keys) for row in told.index], told.index, dtype=object),
        trial=told["trial_key"].fillna(told["run_id"]),
    )
    n_trials = signed.groupby("signature", sort=False)["trial"].transform("nunique")
    same = signed[n_trials > 1]
    if len(same):
        yield Finding(
            kind="same_configuration",
            severity="problem",
            message=f"{count(len(same), 'run')} equal another run in all settings and the seed, not in the trial key: "
            f"they count as {count(same['trial'].nunique(), 'configuration')} of their own.",
            run_ids=ids(same["run_id"]),
            advice="Record what tells them apart in the configuration, or remove the copies.",
        )


def _copied_curves(counted: pd.DataFrame, summaries: pd.DataFrame, metric: str) -> list[Finding]:
    curves = summaries[
        (summaries["name"] == metric)
        & (summaries["n_logged"] > 1)
        & (summaries["lowest"] < summaries["highest"])
        & summaries["run_id"].isin(counted["run_id"])
    ]
    same = curves[curves.duplicated(["digest", "n_logged"], keep=False)]
    if same.empty:
        return []
    return [
        Finding(
            kind="copied_curve",
            severity="problem",
            message=f"{count(len(same), 'run')} share {count(same['digest'].nunique(), 'curve')} of {metric}, equal in "
            f"every value: they are copies, or the seed had no effect.",
            run_ids=ids(same["run_id"]),
            advice="Remove the copies; where the seed had no effect, count such runs once.",
        )
    ]


def _same_values(counted: pd.DataFrame, metric: str) -> Iterator[Finding]:
    exact = counted[[bool(np.isfinite(value)) and _digits(value) >= _FEWEST_DIGITS for value in counted["value"]]]
    same = exact[exact.duplicated("value", keep=False)]
    if len(same):
        values = sorted({float(value) for value in same["value"]})
        yield Finding(
            kind="identical_value",
            severity="remark",
            message=f"{count(len(same), 'run')} end with the same {metric} as another run, to the last digit "
            f"({listed([f'{value:.10g}' for value in values])}).",
            run_ids=ids(same["run_id"]),
            advice="Check whether one is a copy of the other.",
        )


def _digits(value: float) -> int:
    """Significant digits of the shortest text that reads back as `value`."""
    return len(np.format_float_scientific(abs(value), trim="-").split("e")[0].replace(".", ""))
