"""The difference between rows that answered the same items: what is common to both sides falls out of it.

Runs and items are crossed: a run's score on an item is the item's own level, the run's, and what is left. Runs are the
clusters, drawn anew for each configuration; items are the same for both sides. With D_i the difference of both sides'
means over their runs on item i, weight w = 1/n_runs + 1/n_other and N items, the variance of the mean of the D_i is

    max(s_item^2 - w e^2, 0) / N + w max(r^2, e^2 / N)

s_item^2 is the variance of the D_i, r^2 that of a run's mean score between the runs of a trial, e^2 the one left over
inside trials. Both of the first two hold a share of e^2, which counts once. Without replicated trials r and e are
unknown and the formula is the paired t test.

Sources: J. Cornfield & J. W. Tukey 1956, Ann. Math. Stat. 27:907 (mean squares of crossed designs); S. L. Hillis 2007,
Stat. Med. 26:596 (their degrees of freedom); E. Miller 2024, arXiv 2411.00640 (pairing by question); A. Agresti &
Y. Min 2005, Stat. Med. 24:729 (half a discordant pair each way, so that equal answers are no proof of equality);
Q. McNemar 1947, Psychometrika 12:153.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.benchmarks.types import Floats


@dataclass(frozen=True, slots=True)
class RunNoise:
    """Noise between runs of one trial, pooled over a column's trials.

    Attributes:
        variance: Of a run's mean score; 0 where no trial has several runs.
        dof: Its degrees of freedom.
        residual: Variance of a score on one item beyond item and run; 0 where unknown.
    """

    variance: float = 0.0
    dof: int = 0
    residual: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class PairedErrors:
    """Per row: variance of the mean difference and its degrees of freedom; exact McNemar p, NaN where not 0 or 1."""

    variances: Floats
    dofs: Floats
    p_mcnemar: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """One row against another on the items that both answered.

    Attributes:
        difference: First minus second in the unit of the score, turned so that positive is better.
        stderr: Its standard error.
        low: Lower end of the 95 % interval.
        high: Upper end.
        p_value: Two-sided, from the same t.
        p_mcnemar: Exact, for right-or-wrong answers of single runs; None otherwise.
        n_items: Items that both answered.
        n_better: Items on which the first is better.
        n_worse: Items on which the second is.
        n_runs: Runs of the first and of the second.
        model: What the error rests on, in words.
    """

    difference: float
    stderr: float
    low: float
    high: float
    p_value: float
    p_mcnemar: float | None
    n_items: int
    n_better: int
    n_worse: int
    n_runs: tuple[int, int]
    model: str

    def to_json(self) -> dict[str, object]:
        """Returns the difference under its documented JSON keys."""
        return {name: getattr(self, name) for name in self.__slots__} | {"n_runs": list(self.n_runs)}


def paired_errors(differences_RI: Floats, weights_R: Floats, scale: float | None, noise: RunNoise) -> PairedErrors:
    """Returns how sure the mean of each row of differences is.

    Args:
        differences_RI: Differences of the means over runs, shape (n_rows, n_items), at least two items.
        weights_R: 1/n_runs + 1/n_other of each row.
        scale: Score of a perfect answer; None where scores have no bound.
        noise: Between runs.
    """
    n_items = differences_RI.shape[1]
    items = item_variances(differences_RI, scale)
    residual = weights_R * noise.residual / n_items
    runs = np.maximum(weights_R * noise.variance, residual)
    variances = np.maximum(items - residual, 0.0) + runs
    drawn = weights_R * noise.variance >= residual
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(drawn & (runs > 0), runs**2 / noise.dof if noise.dof else 0.0, 0.0)
        dofs = np.where(variances > 0, variances**2 / (spread + items**2 / (n_items - 1)), n_items - 1.0)
    single = np.isclose(weights_R, 2.0)
    return PairedErrors(variances, dofs, np.where(single, _mcnemar(differences_RI, scale or 1.0), np.nan))


def item_variances(differences_RI: Floats, scale: float | None) -> Floats:
    """Returns the variance of the mean of each row of differences over its items, as `paired_errors` takes them."""
    n_items = differences_RI.shape[1]
    squares = ((differences_RI - differences_RI.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    if scale is None:
        return np.asarray(squares / (n_items * (n_items - 1)), dtype=float)
    # With half a pair each way: no item that differs in 100 means a difference of up to 2 %, not of exactly 0.
    return np.asarray((squares + scale**2) / ((n_items + 2) * (n_items + 1)), dtype=float)


def paired_difference(
    first_RI: Floats, second_RI: Floats, *, sign: float = 1.0, scale: float | None = 1.0, noise: RunNoise | None = None
) -> PairedDifference:
    """Returns the difference of two rows on the items that both answered.

    Args:
        first_RI: Scores by run and item, shape (n_runs, n_items), finite.
        second_RI: Likewise, the same items in the same order.
        sign: -1 where lower scores are better.
        scale: Score of a perfect answer; None where scores have no bound.
        noise: Between runs; None takes what these runs themselves show.
    """
    own = run_noise([first_RI, second_RI]) if noise is None else noise
    differences_I = sign * (first_RI.mean(axis=0) - second_RI.mean(axis=0))
    weight = 1 / len(first_RI) + 1 / len(second_RI)
    errors = paired_errors(differences_I[None, :], np.array([weight]), scale, own)
    difference, stderr = float(differences_I.mean()), float(np.sqrt(errors.variances[0]))
    reach = float(stats.t.ppf(0.975, errors.dofs[0])) * stderr
    p_mcnemar = float(errors.p_mcnemar[0])
    return PairedDifference(
        difference=difference,
        stderr=stderr,
        low=difference - reach,
        high=difference + reach,
        p_value=float(2 * stats.t.sf(abs(difference) / stderr, errors.dofs[0]))
        if stderr > 0
        else float(not difference),
        p_mcnemar=None if np.isnan(p_mcnemar) else p_mcnemar,
        n_items=len(differences_I),
        n_better=int((differences_I > 0).sum()),
        n_worse=int((differences_I < 0).sum()),
        n_runs=(len(first_RI), len(second_RI)),
        model=model_text(own),
    )


def run_noise(trials: list[Floats]) -> RunNoise:
    """Returns the noise between the runs of trials, pooled; each has shape (n_runs, n_items)."""
    replicated = [scores_RI for scores_RI in trials if len(scores_RI) > 1]
    dof = sum(len(scores_RI) - 1 for scores_RI in replicated)
    if not dof:
        return RunNoise()
    squares, left, left_dof = 0.0, 0.0, 0
    for scores_RI in replicated:
        means_R1 = scores_RI.mean(axis=1, keepdims=True)
        squares += float(((means_R1 - scores_RI.mean()) ** 2).sum())
        left += float(((scores_RI - means_R1 - scores_RI.mean(axis=0) + scores_RI.mean()) ** 2).sum())
        left_dof += (len(scores_RI) - 1) * (scores_RI.shape[1] - 1)
    return RunNoise(squares / dof, dof, left / left_dof if left_dof else 0.0)


def model_text(noise: RunNoise) -> str:
    """Returns the model behind a paired error, in words."""
    if not noise.dof:
        return "paired t over items; run-to-run noise is unknown and not in it"
    return f"runs crossed with items, run-to-run noise pooled over trials ({noise.dof} degrees of freedom)"


def _mcnemar(differences_RI: Floats, scale: float) -> Floats:
    """Two-sided exact p-values; NaN for rows with differences other than 0 and +-scale."""
    better, worse = np.isclose(differences_RI, scale), np.isclose(differences_RI, -scale)
    is_binary = (better | worse | (differences_RI == 0)).all(axis=1)
    n_better, n_worse = better.sum(axis=1), worse.sum(axis=1)
    p_values = np.minimum(2 * stats.binom.cdf(np.minimum(n_better, n_worse), n_better + n_worse, 0.5), 1.0)
    return np.where(is_binary, p_values, np.nan)
