"""Other metrics that a constraint names, read from the store."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.ranking.constraints import Measures, constraint_names
from analysis.store import Snapshot


def read_measures(snapshot: Snapshot, constraints: Sequence[str], metric: str) -> Measures:
    """Returns the last value per run of every logged metric that constraints name, the ranked one left out.

    Raises:
        FilterError: a constraint cannot be read.
    """
    logged = {*snapshot.metric_names(), *snapshot.logged_names()} - {metric}
    return tuple((name, _last_values(snapshot, name)) for name in constraint_names(constraints) if name in logged)


def _last_values(snapshot: Snapshot, metric: str) -> tuple[tuple[str, float], ...]:
    results = snapshot.results(metric)
    pairs = zip(results["run_id"], results["value"].astype(float), strict=True)
    return tuple((str(run_id), float(value)) for run_id, value in pairs)
