"""Weighted least squares with an interval that knows clusters: the one fit behind every scaling law.

Source: R. DerSimonian, N. Laird 1986, Control. Clin. Trials 7:177, for regressions S. G. Thompson, S. J. Sharp 1999,
Stat. Med. 18:2693 (the moment estimate of tau^2); G. Knapp, J. Hartung 2003, Stat. Med. 22:2693 (residual t interval);
K.-Y. Liang, S. L. Zeger 1986, Biometrika 73:13 (cluster-robust covariance), with the small-sample factor that
statsmodels and Stata use and a t of J - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]

CONFIDENCE: Final = 0.95
# Two clusters estimate no spread between clusters worth using (t with one degree of freedom); our choice.
MIN_CLUSTERS: Final = 3
MIN_DOF: Final = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient with its standard error; `dof` is 0 and `reason` says why where there is no interval."""

    value: float
    se: float
    dof: int
    method: str

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval, or None."""
        return self.interval_at(CONFIDENCE)

    def interval_at(self, level: float) -> tuple[float, float] | None:
        """The two-sided t interval at a level, or None."""
        if self.dof == 0:
            return None
        reach = float(special.stdtrit(self.dof, (1 + level) / 2)) * self.se
        return self.value - reach, self.value + reach


def solve(design: FloatArray, response: FloatArray, weights: FloatArray) -> FloatArray:
    """Returns the weighted least-squares coefficients, shape (n_columns,)."""
    root = np.sqrt(weights)
    return np.asarray(np.linalg.lstsq(design * root[:, None], response * root, rcond=None)[0], dtype=np.float64)


def moment_tau2(design: FloatArray, response: FloatArray, se: FloatArray) -> float:
    """Returns the variance between points that their standard errors do not explain, at least 0.

    `tau^2 = (Q - (n - k)) / tr(W - W X (X'W X)^-1 X'W)` with W = diag(1 / se^2) and Q its residual sum of squares.
    """
    weights = 1 / se**2
    residuals = response - design @ solve(design, response, weights)
    excess = float(weights @ residuals**2) - (len(response) - design.shape[1])
    weighted = design * weights[:, None]
    trace = float(np.sum(weights) - np.trace(np.linalg.pinv(design.T @ weighted) @ (weighted.T @ weighted)))
    return max(excess / trace, 0.0) if trace > 0 else 0.0


def estimate(
    jacobian: FloatArray,
    residuals: FloatArray,
    weights: FloatArray,
    clusters: Sequence[int],
    values: FloatArray,
    cluster_name: str,
) -> list[Estimate]:
    """Returns each coefficient of a weighted fit with its standard error.

    Args:
        jacobian: Derivative of the fitted values by each coefficient, shape (n_points, n_coefficients).
        residuals: Response minus fitted values, shape (n_points,).
        weights: 1 / variance of each point, same shape.
        clusters: Cluster of each point, same length; points of one cluster may err together.
        values: The coefficients, shape (n_coefficients,).
        cluster_name: What a cluster is, for the name of the method.
    """
    n_points, n_terms = jacobian.shape
    dof = n_points - n_terms
    names = sorted(set(clusters))
    if dof < MIN_DOF:
        method = f"none: {n_points} points leave too few degrees of freedom for {n_terms} coefficients"
        return [Estimate(float(value), 0.0, 0, method) for value in values]
    bread = np.linalg.pinv(jacobian.T @ (jacobian * weights[:, None]))
    if len(names) < MIN_CLUSTERS:
        covariance = bread * float(weights @ residuals**2) / dof
        method = f"t of the residuals with {dof} df"
    else:
        scores = jacobian * (weights * residuals)[:, None]
        sums = np.array([scores[np.array(clusters) == name].sum(axis=0) for name in names])
        n_clusters = len(names)
        factor = n_clusters / (n_clusters - 1) * (n_points - 1) / dof
        covariance = factor * bread @ (sums.T @ sums) @ bread
        dof = n_clusters - 1
        method = f"cluster-robust over {n_clusters} {cluster_name}s, t with {dof} df"
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return [Estimate(float(value), float(se), dof, method) for value, se in zip(values, errors, strict=True)]
