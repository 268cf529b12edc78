"""What is said about a ranking: how its winner was chosen, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analysis.ranking.types import ConfigScore, Ranking
from analysis.runs.direction import Direction

_GOOD: Final = {"min": "lowest", "max": "highest"}

SHRUNK: Final = "empirical Bayes: shrunk towards how the configurations' means are distributed (Efron 2011)"
NOTHING_CHOSEN: Final = "there is one configuration, so nothing was chosen"
UNCORRECTED: Final = "none: without replicates nothing says how large the luck of the winner is"


def ranking_rule(
    ranking: Ranking, metric: str, direction: Direction, max_failure_rate: float, others: Sequence[ConfigScore]
) -> str:
    """Returns how the winner was chosen and what the sets mean, for these data.

    Args:
        ranking: The ranking, its winner known.
        metric: Name of the metric.
        direction: Whether the best value is the lowest or the highest.
        max_failure_rate: Largest share of diverged runs with which a configuration is ranked.
        others: The configurations that are not ranked.
    """
    among = ""
    if any(score.n_diverged for score in others):
        limit = f"more than {max_failure_rate:.0%} of diverged runs" if max_failure_rate else "a diverged run"
        among = f" among configurations without {limit}"
    if ranking.n_excluded:
        texts = " and ".join(item.text for item in ranking.constraints)
        among += f" that keep {texts} (in every run of theirs)"
    rule = f"The winner has the {_GOOD[direction]} mean {metric}{among}. "
    if ranking.indistinguishable is None:
        return f"{rule}{_unreplicated(ranking)}, so there is no probability, and no set of equals."
    test = "paired t tests over shared seeds" if ranking.is_paired else "Welch tests"
    seeds = "Seeds are shared, so their common effect is taken out of every comparison. " if ranking.is_paired else ""
    return (
        f"{rule}{seeds}p_best counts draws from what the runs say about all true means together; the one-SE set lies "
        f"within one standard error of the winner, and its cheapest has the {ranking.one_se_order}; indistinguishable "
        f"are those that one-sided {test} at 5 % (Holm) do not reject."
    )


def unranked_rule(metric: str, scores: Sequence[ConfigScore], n_excluded: int) -> str:
    """Returns why there is no winner."""
    if any(score.n_diverged for score in scores):
        return f"No winner: every run that ended diverged, so there is no finite {metric}."
    if n_excluded and not scores:
        return f"No winner: the constraints exclude all configurations ({n_excluded})."
    return f"No winner: no configuration has a finite {metric} yet."


def excluded_sentences(ranking: Ranking) -> list[str]:
    """Returns what each constraint has excluded, one sentence each."""
    found = []
    for item in ranking.constraints:
        unknown = f", {item.n_unknown} more because a run of theirs does not say" if item.n_unknown else ""
        n = item.n_excluded
        found.append(f"{item.text} excludes {n} configuration{'' if n == 1 else 's'}{unknown}.")
    return found


def ranking_warnings(
    ranking: Ranking, others: Sequence[ConfigScore], *, is_safe: bool, edge: str | None
) -> tuple[str, ...]:
    """Returns whole sentences, computed from the data.

    Args:
        ranking: The ranking of the ranked configurations.
        others: Those that are not ranked.
        is_safe: Whether few enough runs of the ranked configurations diverged.
        edge: What to say about the winner's learning rate.
    """
    scores = ranking.ranking
    found = [*_replicate_warnings(ranking), *_failure_warnings(scores, others, is_safe=is_safe)]
    if edge:
        found.append(edge)
    running = sum(score.n_running for score in (*scores, *others))
    if running:
        found.append(f"{running} run{' is' if running == 1 else 's are'} still queued or running.")
    return tuple(found)


def _replicate_warnings(ranking: Ranking) -> Iterator[str]:
    if ranking.indistinguishable is None:
        yield f"{_unreplicated(ranking)}; a difference may be the seed's."
        return
    if any(score.n == 1 for score in ranking.ranking):
        yield "Some configurations have a single run; their noise is borrowed from the replicated ones."
    if ranking.is_paired and len({frozenset(score.seeds) for score in ranking.ranking}) > 1:
        yield "Not all configurations ran the same seeds; they are ordered by the means an average seed would give."


def _unreplicated(ranking: Ranking) -> str:
    if any(score.n > 1 for score in ranking.ranking):
        return "Unreplicated near the best: only configurations of the worse half have two seeds"
    return "Unreplicated: no configuration has two seeds"


def _failure_warnings(scores: Sequence[ConfigScore], others: Sequence[ConfigScore], *, is_safe: bool) -> Iterator[str]:
    if not is_safe:
        yield "Every configuration has a diverged run; the means are those of the survivors and too good."
    elif scores[0].n_diverged:
        yield (
            f"{scores[0].n_diverged} of {scores[0].n + scores[0].n_diverged} runs of the winner diverged; its mean is "
            "that of the survivors and too good."
        )
    diverged = sum(score.n_diverged > 0 for score in others)
    if diverged:
        yield f"{diverged} of {len(scores) + len(others)} configurations had a diverged run and are not ranked."
