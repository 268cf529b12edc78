"""PED-ANOVA: along which hyperparameters the best trials are distributed differently from all of them.

Source: S. Watanabe, A. Bansal, F. Hutter 2023, arXiv 2304.10255, as in optuna's `PedAnovaImportanceEvaluator`. It says
what separates good from bad trials; it knows nothing of interactions, and its numbers are no shares of variance.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from analysis.importance.axes import Axis
from analysis.importance.forest import Floats

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TOP_SHARE: Final = 0.1
"""The best tenth of the trials, as in the paper."""
FEWEST_TOP: Final = 5
"""Optuna's advice: at least this many trials among the best, or the density is none."""
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


class PedAnova:
    """PED-ANOVA of a fixed set of trials, over any choice of them.

    Args:
        axes: The hyperparameters.
        losses: Shape (n_trials,), lower is better.
    """

    def __init__(self, axes: Sequence[Axis], losses: Floats) -> None:
        distributions = {axis.key: _distribution(axis) for axis in axes}
        self._keys = [axis.key for axis in axes]
        self._trials = [
            _frozen(index, {axis.key: _parameter(axis, index) for axis in axes}, distributions, float(loss))
            for index, loss in enumerate(losses)
        ]

    def shares(self, rows: Sequence[int] | None = None) -> Floats:
        """Returns each axis' share of the divergence, shape (n_axes,): sums to 1, or is 0 where nothing separates.

        Args:
            rows: Positions of the trials, repeats allowed; None takes each once.
        """
        chosen = self._trials if rows is None else [self._trials[row] for row in rows]
        quantile = top_share(len(chosen))
        losses = np.array([trial.value for trial in chosen], dtype=float)
        n_top = math.ceil(quantile * len(losses))
        # So many trials are as good as the last of the best that nothing tells the best from the others.
        if np.all(losses <= np.partition(losses, n_top - 1)[n_top - 1]):
            return np.zeros(len(self._keys))
        divergence = _divergences(chosen, self._keys, quantile)
        total = float(divergence.sum())
        return divergence / total if total > 0 else divergence


def top_share(n_trials: int) -> float:
    """Returns which share of the trials counts as the best: a tenth, or more where that would be under five."""
    return min(max(TOP_SHARE, FEWEST_TOP / n_trials), 0.5)


def _divergences(trials: Sequence[FrozenTrial], keys: Sequence[str], quantile: float) -> Floats:
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.storages import InMemoryStorage
    from optuna.study import Study, StudyDirection

    class FixedStudy(Study):
        """Holds these very trials: filling a study the usual way copies each of them, for every resample."""

        def get_trials(self, deepcopy: bool = True, states: object = None) -> list[FrozenTrial]:  # noqa: ARG002
            return list(trials)

    storage = InMemoryStorage()
    with _quiet_optuna():
        storage.create_new_study([StudyDirection.MINIMIZE], study_name="trials")
    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    found = evaluator.evaluate(FixedStudy("trials", storage), params=list(keys))
    return np.array([float(found[key]) for key in keys])


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keeps optuna from announcing on standard error each study that it makes."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _frozen(
    index: int, parameters: dict[str, float | str], distributions: dict[str, BaseDistribution], loss: float
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    return FrozenTrial(
        number=index,
        trial_id=index,
        state=TrialState.COMPLETE,
        value=loss,
        datetime_start=_ANY_TIME,
        datetime_complete=_ANY_TIME,
        params=parameters,
        distributions=distributions,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.kind == "names":
        return CategoricalDistribution([str(index) for index in range(axis.n_values)])
    if axis.kind == "levels":
        return IntDistribution(0, axis.n_values - 1)
    return FloatDistribution(axis.low, axis.high)


def _parameter(axis: Axis, index: int) -> float | str:
    code = axis.codes[index]
    if axis.kind == "names":
        return str(int(code))
    return int(code) if axis.kind == "levels" else float(code)
