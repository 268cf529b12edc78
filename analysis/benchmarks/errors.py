"""Standard errors of scores: how far a score would move on other items of the same kind.

Source: E. Miller 2024, "Adding Error Bars to Evals", arXiv 2411.00640; E. B. Wilson 1927, JASA 22:209;
R. Bhatia & C. Davis 2000, Am. Math. Monthly 107:353 (values in [0, 1] with mean p have a variance of at most p(1 - p),
so the formula for right-or-wrong items errs on the safe side for graded ones).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.benchmarks.types import Floats

Z_95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
# With fewer right (or wrong) answers than this the plain formula is far too small, and zero at the bounds (our choice).
_FEW_ANSWERS: Final = 5


def item_errors(scores: Floats, n_items: Floats, scale: Floats, reported: Floats) -> Floats:
    """Returns the standard error of each score: the reported one, else that of a share of n items.

    A reported error of zero is not believed: a share of 0 or 1 gives it, and there the Wilson interval is not empty.

    Args:
        scores: Scores in [0, scale]; any shape, and so are the others.
        n_items: Items behind each; NaN where unknown.
        scale: Score of a perfect answer sheet; NaN where there is none, so that only a reported error counts.
        reported: Standard errors as reported; NaN where none.
    """
    own = scale * share_errors(scores / scale, n_items)
    return np.where(np.isfinite(reported) & (reported > 0), reported, own)


def share_errors(shares: Floats, n_items: Floats) -> Floats:
    """Returns sqrt(p(1 - p)/n), near 0 and 1 the half width of the 95 % Wilson interval divided by 1.96.

    NaN where the share is no share or n is unknown.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(n_items > 0, n_items, np.nan)
        p = np.where((shares >= 0) & (shares <= 1), shares, np.nan)
        plain = np.sqrt(p * (1 - p) / n)
        wilson = np.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2)) / (1 + Z_95**2 / n)
        return np.asarray(np.where(n * np.minimum(p, 1 - p) < _FEW_ANSWERS, wilson, plain), dtype=float)


def holm(p_values: Floats) -> Floats:
    """Returns p-values corrected for their number, of the same shape; NaN stays and counts for nothing.

    Source: S. Holm 1979, Scand. J. Stat. 6:65.
    """
    flat = p_values.ravel()
    known = np.flatnonzero(~np.isnan(flat))
    order = known[np.argsort(flat[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected = np.full(flat.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(flat[order] * factors), 1.0)
    return corrected.reshape(p_values.shape)
