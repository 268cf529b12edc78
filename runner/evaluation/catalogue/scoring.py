"""Answers as scores, with their standard errors and what each item got."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runner.evaluation.benchmark import Item, Normalisation, Score
from runner.evaluation.catalogue.identity import CHOICE_METRICS
from runner.evaluation.catalogue.plan import EvaluationPlan
from runner.evaluation.catalogue.rules import Undecided, find_rule
from runner.evaluation.catalogue.text_scores import NO_NUMBER, describe_broken, score_texts, standard_error
from runner.evaluation.requests import Generation, Likelihoods

Floats = NDArray[np.float64]
_MAX_UNDECIDED: Final = 5
"""After so many the rest is not checked: there is no score anyway, and each may have taken a second."""


def score_answers(
    plan: EvaluationPlan, answers: Likelihoods | Sequence[Sequence[Generation]], slot: int
) -> list[Score]:
    """Returns one slot's scores, the benchmark's main metric first.

    An item without a usable answer has the value NaN, and so has the score, with the reason in `problem`: it is not
    counted as wrong, and a score without it would be one of other items.

    Args:
        plan: What was asked.
        answers: What the engine answered, all slots.
        slot: Place of the slot in the engine's answers.
    """
    if isinstance(answers, Likelihoods):
        log_likelihood_R = answers.log_likelihood_KR[slot]
        if log_likelihood_R.shape != (len(plan.requests),):
            raise ValueError(f"{len(plan.requests)} requests, but {log_likelihood_R.size} answers")
        scores = (score_texts if plan.benchmark.form == "text" else _score_choices)(plan, log_likelihood_R)
    else:
        scores = [_score_generations(plan, answers[slot])]
    order = {metric: place for place, metric in enumerate(plan.benchmark.metrics)}
    return sorted(scores, key=lambda score: order[score.metric])


def _score_choices(plan: EvaluationPlan, log_likelihood_R: Floats) -> list[Score]:
    sums = [np.zeros(len(item.choices)) for item in plan.items]
    bare = [np.zeros(len(item.choices)) for item in plan.items]
    n_tokens = [np.zeros(len(item.choices)) for item in plan.items]
    for part, value in zip(plan.parts, log_likelihood_R, strict=True):
        (bare if part.bare else sums)[part.item][part.choice] += value
        if not part.bare:
            n_tokens[part.item][part.choice] += part.n_tokens
    scores = []
    for normalisation in plan.normalisations:
        values = [
            _is_right(item, _normalised(normalisation, item, *numbers))
            for item, *numbers in zip(plan.items, sums, n_tokens, bare, strict=True)
        ]
        scores.append(_mean_score(CHOICE_METRICS[normalisation], plan.items, values, NO_NUMBER))
    return scores


def _normalised(normalisation: Normalisation, item: Item, sums: Floats, n_tokens: Floats, bare: Floats) -> Floats:
    """Returns what the choices are compared by.

    Source: lm-evaluation-harness 0.4.13, `ConfigurableTask.process_results`: `sum` is its acc, `byte` its acc_bytes,
    which is its acc_norm where the choices are ASCII (acc_norm counts characters), `unconditional` its
    acc_mutual_info where items have no `unconditional` text. Lengths are those of the choice without the space
    before it.
    """
    lengths = n_tokens if normalisation == "token" else np.array([len(choice.encode()) for choice in item.choices])
    with np.errstate(invalid="ignore"):  # -inf less -inf: no number, and said so
        compared: Mapping[Normalisation, Floats] = {"sum": sums, "unconditional": sums - bare}
        return compared.get(normalisation, sums / lengths)


def _is_right(item: Item, compared: Floats) -> float:
    """1 or 0, the first of equals being chosen, as numpy's argmax does; NaN where any of them is no number."""
    if np.isnan(compared).any() or np.isposinf(compared).any():
        return math.nan
    return float(int(np.argmax(compared)) == item.gold)


def _score_generations(plan: EvaluationPlan, generations: Sequence[Generation]) -> Score:
    rule = find_rule(plan.benchmark.rule)
    reason = ""
    values = []
    n_undecided = 0
    for item, generation in zip(plan.items, generations, strict=True):
        if generation.ended_by == "broken":
            values.append(math.nan)
            reason = reason or "the model's numbers broke while it wrote"
            continue
        if n_undecided >= _MAX_UNDECIDED:
            values.append(math.nan)
            continue
        try:
            values.append(float(rule.check(generation.text, item.answer)))
        except Undecided as error:
            values.append(math.nan)
            reason = reason or str(error)
            n_undecided += 1
    return _mean_score(next(iter(plan.benchmark.metrics)), plan.items, values, reason)


def _mean_score(metric: str, items: Sequence[Item], values: Sequence[float], reason: str) -> Score:
    numbers = np.array(values, dtype=float)
    return Score(
        metric=metric,
        value=float(numbers.mean()),
        stderr=standard_error(numbers),
        n_items=len(items),
        items=tuple((item.item_id, value) for item, value in zip(items, values, strict=True)),
        problem=describe_broken(items, numbers, reason),
    )
