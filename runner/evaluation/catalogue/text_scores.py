"""How well a model predicts texts: bits per byte and perplexity, as ratios of totals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runner.evaluation.benchmark import Item, Score
from runner.evaluation.catalogue.plan import EvaluationPlan

Floats = NDArray[np.float64]
NO_NUMBER: Final = "its log-likelihood is no number"


def score_texts(plan: EvaluationPlan, log_likelihood_R: Floats) -> list[Score]:
    """Returns `bits_per_byte` and `perplexity` (per token) over all texts.

    Both are ratios of totals, as in lm-evaluation-harness: long texts weigh more. By item, `bits_per_byte` is the
    item's bits divided by the mean number of bytes of an item, so that the mean over items is the score. Perplexity,
    which depends on the tokenizer, is no mean of anything, and has no values by item.
    """
    n_items = len(plan.items)
    nats, n_tokens = np.zeros(n_items), np.zeros(n_items)
    for part, value in zip(plan.parts, log_likelihood_R, strict=True):
        nats[part.item] -= value
        n_tokens[part.item] += part.n_tokens
    # Infinite nats are an answer: a text that the model holds for impossible. Minus infinity is as much none as NaN.
    nats[np.isneginf(nats)] = np.nan
    n_bytes = np.array([len(item.choices[0].encode()) for item in plan.items], dtype=float)
    bits = nats / math.log(2)
    problem = describe_broken(plan.items, nats, NO_NUMBER)
    by_item = tuple((item.item_id, float(value)) for item, value in zip(plan.items, bits / n_bytes.mean(), strict=True))
    perplexity, error = _perplexity(nats, n_tokens)
    bits_score = float(bits.sum() / n_bytes.sum())
    return [
        Score(
            metric="bits_per_byte",
            value=bits_score,
            stderr=ratio_error(bits, n_bytes),
            n_items=n_items,
            items=by_item,
            problem=problem,
        ),
        Score(metric="perplexity", value=perplexity, stderr=error, n_items=n_items, problem=problem),
    ]


def standard_error(values: Floats) -> float | None:
    """Returns the standard error of a mean, sd / sqrt(n) with n - 1 in the variance.

    None for one item, and where a value is not finite. Source: lm-evaluation-harness `mean_stderr`, and Miller 2024,
    arXiv:2411.00640, section 2.1.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def ratio_error(totals: Floats, sizes: Floats) -> float | None:
    """Returns the standard error of sum(totals) / sum(sizes) over items (delta method).

    None as for `standard_error`. Source: Cochran 1977, Sampling Techniques, 3rd ed., section 6.4, without the factor
    for a finite population: sd(totals - ratio * sizes) / (mean(sizes) sqrt(n)).
    """
    ratio = totals.sum() / sizes.sum()
    if not math.isfinite(ratio):
        return None
    error = standard_error(totals - ratio * sizes)
    return None if error is None else error / float(sizes.mean())


def _perplexity(nats: Floats, n_tokens: Floats) -> tuple[float, float | None]:
    """Returns exp(nats per token) and its error, by the delta method again."""
    with np.errstate(over="ignore"):
        value = float(np.exp(nats.sum() / n_tokens.sum()))
    error = ratio_error(nats, n_tokens)
    return value, None if error is None or not math.isfinite(value) else value * error


def describe_broken(items: Sequence[Item], values: Floats, reason: str) -> str:
    """Returns how many items have no value and why, in one sentence; empty where all have one."""
    places = np.flatnonzero(np.isnan(values))
    if not places.size:
        return ""
    return f"{places.size} of {len(items)} items cannot be scored, first {items[places[0]].item_id}: {reason}"
