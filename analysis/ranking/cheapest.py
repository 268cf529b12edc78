"""Which of several equally good configurations costs least."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from analysis.ranking.types import ConfigScore

CheapestBy = Literal["tokens", "time", "memory", "rank"]

# Costs of the same training differ a little from run to run; closer ones count as equal (our choice).
_SAME_COST: Final = 1.05
_COSTS: Final[Mapping[str, tuple[str, Callable[[ConfigScore], float | int | None]]]] = {
    "tokens": ("fewest trained tokens", lambda score: score.trained_tokens),
    "time": ("shortest time", lambda score: score.wall_s),
    "memory": ("least memory", lambda score: score.peak_memory_bytes),
    "rank": ("lowest rank", lambda score: score.lora_rank),
    "batch": ("smallest batch", lambda score: score.batch_size),
    "lr": ("lowest learning rate", lambda score: score.learning_rate),
}
_TIE_BREAKERS: Final = ("rank", "batch", "lr")


def choose_cheapest(scores: Sequence[ConfigScore], first: CheapestBy = "tokens") -> tuple[ConfigScore, str]:
    """Returns the cheapest configuration, and the order that was applied, as words.

    Compared by `first`, then rank, then batch size, then learning rate; costs within 5 % are equal. What is unknown for
    one of them is not compared.

    Args:
        scores: At least one configuration; among equals the first.
        first: What is compared first.
    """
    left = list(scores)
    applied: list[str] = []
    for key in dict.fromkeys((first, *_TIE_BREAKERS)):
        name, read = _COSTS[key]
        costs = [read(score) for score in scores]
        if any(cost is None for cost in costs):
            continue
        applied.append(name)
        # The learning rate is no cost: it only makes the choice definite.
        slack = 1.0 if key in ("rank", "lr") else _SAME_COST
        least = min(cost for cost in map(read, left) if cost is not None)
        left = [score for score in left if (read(score) or 0) <= least * slack]
    return left[0], ", then ".join(applied) or "the best mean"
