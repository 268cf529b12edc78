"""One search, replayed: which configuration would have been recommended after each run, and how good it really is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.runs.trials import Trial
from analysis.runs.values import RunValue
from analysis.search.spending import Ended


@dataclass(frozen=True, slots=True)
class Task:
    """What every configuration of a task is judged by in the end.

    Attributes:
        final: Trial key -> best final estimate (lower is better): the mean over all its runs, of every search; the
            worst finite one for a configuration with a diverged run.
        best: The best of them.
        worst: The worst of them.
    """

    final: Mapping[str, float]
    best: float
    worst: float


@dataclass(frozen=True, slots=True)
class Replay:
    """One search: `costs`, `regrets` and `run_ids` of each change of the recommendation, and what was spent in all."""

    costs: tuple[float, ...]
    regrets: tuple[float, ...]
    run_ids: tuple[str, ...]
    total: float
    n_runs: int

    def regret_at(self, cost: float) -> float:
        """Regret after spending `cost`, a right-continuous step function; NaN before the first step."""
        known = [regret for at, regret in zip(self.costs, self.regrets, strict=True) if at <= cost]
        return known[-1] if known else math.nan


def judge_task(trials: Sequence[Trial]) -> Task | None:
    """Returns what the configurations of a task are worth; None when none has a finite mean."""
    finite = [trial.mean for trial in trials if math.isfinite(trial.mean)]
    if not finite:
        return None
    best, worst = min(finite), max(finite)
    return Task({trial.key: min(trial.mean, worst) for trial in trials}, best, worst)


def replay_search(
    ended: Sequence[Ended], runs: Sequence[RunValue], trial_keys: Sequence[str], task: Task, sign: float
) -> Replay:
    """Returns the steps of one search.

    After each run the configuration with the best mean over the seeds seen so far is recommended; one that has shown a
    diverged run no longer is. It is judged by its final estimate, not by the value that made it look good, or noise
    would pass for progress; so the regret may rise. Every run costs, whatever came of it.

    Args:
        ended: The runs of the search in the order of their ends.
        runs: What each row of the table contributes.
        trial_keys: The trial of each row.
        task: What configurations are worth in the end.
        sign: -1 where the metric's higher values are better, else 1.
    """
    seen: dict[str, list[float]] = {}
    means: dict[str, float] = {}
    spent = 0.0
    chosen: str | None = None
    steps: list[tuple[float, float, str]] = []
    for run in ended:
        spent += run.cost if math.isfinite(run.cost) else 0.0
        value, key = runs[run.row], trial_keys[run.row]
        if value.role == "value":
            seen.setdefault(key, []).append(sign * value.value)
        elif value.role == "diverged":
            seen.setdefault(key, []).append(math.inf)
        else:
            continue
        means[key] = math.fsum(seen[key]) / len(seen[key])
        best = _recommended(means, chosen, key)
        if math.isfinite(means[best]) and best != chosen:
            chosen = best
            steps.append((spent, task.final[best] - task.best, value.run_id))
    costs, regrets, run_ids = zip(*steps, strict=True) if steps else ((), (), ())
    return Replay(tuple(costs), tuple(regrets), tuple(run_ids), spent, len(ended))


def _recommended(means: Mapping[str, float], chosen: str | None, changed: str) -> str:
    """Returns the configuration with the best mean, given the best one before a single mean changed."""
    if chosen is None or chosen == changed:
        return min(means, key=lambda key: (means[key], key))
    return min(chosen, changed, key=lambda key: (means[key], key))
