"""Repeated searches of one strategy as one curve: median and quartiles, and the mean over what was spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.runs.groups import RunGroup
from analysis.search.replay import Replay, Task
from analysis.search.types import SearchCurve, Step


def summarise_task(group: RunGroup, replays: Mapping[str, Sequence[Replay]], task: Task) -> list[SearchCurve]:
    """Returns one curve per strategy of a task.

    Args:
        group: The task.
        replays: Strategy -> its searches.
        task: What its configurations are worth.
    """
    known = {strategy: _steps(searches) for strategy, searches in replays.items()}
    totals = {strategy: min(search.total for search in searches) for strategy, searches in replays.items()}
    shared = _shared_range(known, totals)
    spread = task.worst - task.best
    curves = []
    for strategy, searches in replays.items():
        steps = known[strategy]
        final = steps[-1].regret if steps else None
        curves.append(
            SearchCurve(
                group=group.group,
                label=group.label,
                strategy=strategy,
                n_searches=len(searches),
                n_runs=sum(search.n_runs for search in searches),
                steps=steps,
                total_cost=totals[strategy],
                final_regret=final,
                normalised_regret=None if final is None else _normalised(final, spread),
                area=None if shared is None or not steps else _normalised(log_mean(steps, *shared), spread),
            )
        )
    return curves


def log_mean(steps: Sequence[Step], low: float, high: float) -> float:
    """Returns the mean regret between two costs, each doubling of the cost with the same weight.

    Args:
        steps: Ascending; the first at `low` or before it.
        low: Where it starts, positive.
        high: Where it ends, beyond `low`.
    """
    inner = [step.cost for step in steps if low < step.cost < high]
    edges = [low, *inner, high]
    regrets = [max((step for step in steps if step.cost <= edge), key=lambda step: step.cost).regret for edge in edges]
    weights = np.diff(np.log(edges))
    return float(np.average(regrets[:-1], weights=weights))


def _steps(searches: Sequence[Replay]) -> tuple[Step, ...]:
    """Median and quartiles from where every search has a result up to where the first one ends."""
    if any(not search.costs for search in searches):
        return ()
    if len(searches) == 1:
        (search,) = searches
        rows = zip(search.costs, search.regrets, search.run_ids, strict=True)
        return tuple(Step(cost=cost, regret=it, low=it, high=it, run_id=run_id) for cost, it, run_id in rows)
    start = max(search.costs[0] for search in searches)
    end = min(search.total for search in searches)
    changes = sorted({cost for search in searches for cost in search.costs if start <= cost <= end})
    found: list[Step] = []
    for cost in changes:
        low, middle, high = np.quantile([search.regret_at(cost) for search in searches], [0.25, 0.5, 0.75]).tolist()
        if not found or (low, middle, high) != (found[-1].low, found[-1].regret, found[-1].high):
            found.append(Step(cost=cost, regret=middle, low=low, high=high, run_id=None))
    return tuple(found)


def _shared_range(known: Mapping[str, Sequence[Step]], totals: Mapping[str, float]) -> tuple[float, float] | None:
    """The costs at which every strategy with a result has a curve; None where that is no range."""
    started = [strategy for strategy, steps in known.items() if steps]
    if not started:
        return None
    low = max(known[strategy][0].cost for strategy in started)
    high = min(totals[strategy] for strategy in started)
    return (low, high) if 0 < low < high and math.isfinite(high) else None


def _normalised(regret: float, spread: float) -> float:
    """Regret as a share of the distance between the best and the worst; 0 where all are equally good."""
    return regret / spread if spread > 0 else 0.0
