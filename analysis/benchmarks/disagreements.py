"""Runs where loss and benchmark disagree by more than their errors explain.

Our own rule: two rows of one comparable group disagree when one has the better loss by more than run-to-run noise, and
the other the better score by more than both errors. The p-value of a pair is the larger of both one-sided ones (it
takes both; R. L. Berger 1982, Technometrics 24:295), corrected by Holm over all pairs of the column. The fewest rows
that take part in all such pairs are named, greedily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.benchmarks.errors import holm
from analysis.benchmarks.types import BenchmarkMatrix, Floats

_LEVEL: Final = 0.05
MOST_COMPARED: Final = 500
"""Every pair is tested: above this many rows that takes seconds, and nobody is named (our choice)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LossNoise:
    """Run-to-run variance of the loss, pooled over trials with several runs, and its degrees of freedom; 0: unknown."""

    variance: float
    dof: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A row whose score is not what its loss says.

    Attributes:
        row: Its key.
        name: Its name.
        group: The comparable group it is in.
        direction: Whether it scores `better` or `worse` than its loss says.
        loss_rank: Its rank by the loss inside the group, 1 is best.
        score_rank: Its rank by the score.
        n: Rows in the group.
        n_pairs: Rows that it disagrees with.
        against: Key of the one where the scores are farthest apart.
    """

    row: str
    name: str
    group: str
    direction: Literal["better", "worse"]
    loss_rank: int
    score_rank: int
    n: int
    n_pairs: int
    against: str

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return asdict(self)


def find_disagreements(
    matrix: BenchmarkMatrix, position: int, merit: Floats, labels: Sequence[str], noise: LossNoise
) -> tuple[Disagreement, ...]:
    """Returns the rows of a column that disagree with their loss, those in most pairs first.

    Args:
        matrix: The scores.
        position: Of the column.
        merit: The loss of each row, turned so that higher is better; NaN where unknown.
        labels: The comparable group of each row.
        noise: Between losses of runs of one trial; where it is unknown losses are taken as they are.
    """
    scores = matrix.scores[:, position] * matrix.columns[position].sign
    rows = np.flatnonzero(np.isfinite(merit) & np.isfinite(scores) & np.isfinite(matrix.stderr[:, position]))
    rows = np.array(sorted(rows, key=lambda row: matrix.rows[row].key), dtype=np.intp)
    if not 2 <= len(rows) <= MOST_COMPARED:
        return ()
    groups = np.array([labels[int(row)] for row in rows])
    same = groups[:, None] == groups[None, :]
    # Row i has the better loss than row j, and the worse score.
    leads = merit[rows][:, None] - merit[rows][None, :]
    lacks = scores[rows][None, :] - scores[rows][:, None]
    p_values = np.maximum(_p_loss(matrix, position, rows, leads, noise), _p_score(matrix, position, rows, lacks))
    pairs = np.triu(same, 1)
    both = np.where(pairs, np.minimum(p_values, p_values.T), np.nan)
    corrected = holm(both)
    clear = np.nan_to_num(corrected, nan=1.0) < _LEVEL
    worse = np.where(p_values <= p_values.T, clear | clear.T, False) & (lacks > 0)
    return tuple(_name(matrix, rows, worse, leads, lacks, groups))


def _p_loss(matrix: BenchmarkMatrix, position: int, rows: NDArray[np.intp], leads: Floats, noise: LossNoise) -> Floats:
    n_runs = np.maximum(matrix.n_runs[rows, position], 1)
    variance = noise.variance * (1 / n_runs[:, None] + 1 / n_runs[None, :])
    if noise.dof == 0:
        return np.where(leads > 0, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(leads > 0, stats.t.sf(leads / np.sqrt(variance), noise.dof), 1.0)


def _p_score(matrix: BenchmarkMatrix, position: int, rows: NDArray[np.intp], lacks: Floats) -> Floats:
    """Unpaired: scores by item would make the errors smaller, but of every pair of rows they are too many to read."""
    column = matrix.columns[position]
    items = matrix.stderr[rows, position] ** 2
    n_runs = np.maximum(matrix.n_runs[rows, position], 1)
    runs = (column.seed_sd or 0.0) ** 2 * (1 / n_runs[:, None] + 1 / n_runs[None, :])
    variance = items[:, None] + items[None, :] + runs
    with np.errstate(divide="ignore", invalid="ignore"):
        dof = np.where(runs > 0, column.seed_dof * variance**2 / runs**2, np.inf)
        return np.where(lacks > 0, stats.t.sf(lacks / np.sqrt(variance), dof), 1.0)


def _name(
    matrix: BenchmarkMatrix, rows: NDArray[np.intp], worse: Mask, leads: Floats, lacks: Floats, groups: NDArray[np.str_]
) -> list[Disagreement]:
    """Returns whom to name; `worse[i, j]`: i has the better loss, j the better score."""
    found = []
    left = worse.copy()
    while left.any():
        at = int(np.argmax(left.sum(axis=0) + left.sum(axis=1)))
        is_worse = left[at].sum() >= left[:, at].sum()
        others = np.flatnonzero(left[at] if is_worse else left[:, at])
        gaps = lacks[at, others] if is_worse else lacks[others, at]
        peers = np.flatnonzero(groups == groups[at])
        found.append(
            Disagreement(
                row=matrix.rows[rows[at]].key,
                name=matrix.rows[rows[at]].name,
                group=str(groups[at]),
                direction="worse" if is_worse else "better",
                loss_rank=1 + int((leads[peers, at] > 0).sum()),
                score_rank=1 + int((lacks[at, peers] > 0).sum()),
                n=len(peers),
                n_pairs=int(left[at].sum() + left[:, at].sum()),
                against=matrix.rows[rows[others[np.argmax(gaps)]]].key,
            )
        )
        left[at], left[:, at] = False, False
    return found
