"""What is said about a ranking: how its winner was chosen, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from analysis.ranking.types import ConfigScore
from analysis.runs.direction import Direction

_GOOD: Final = {"min": "lowest", "max": "highest"}


def ranking_rule(metric: str, direction: Direction, *, is_replicated: bool, leaves_out_diverged: bool) -> str:
    """Returns how the winner was chosen and what the sets mean, for these data."""
    among = " among configurations without a diverged run" if leaves_out_diverged else ""
    rule = f"The winner has the {_GOOD[direction]} mean {metric}{among}. "
    if not is_replicated:
        return f"{rule}Unreplicated: no configuration has two seeds, so there is no probability, and no set of equals."
    return (
        f"{rule}p_best counts draws of mean + t * standard error; the one-SE set lies within one standard error of the "
        "winner; indistinguishable are those that one-sided Welch tests at 5 % (Holm) do not reject."
    )


def ranking_warnings(
    scores: Sequence[ConfigScore],
    others: Sequence[ConfigScore],
    edges: Mapping[str, str],
    *,
    is_replicated: bool,
    is_safe: bool,
) -> tuple[str, ...]:
    """Returns whole sentences, computed from the data.

    Args:
        scores: The ranked configurations, best first.
        others: Those that are not ranked.
        edges: What to say about a run whose learning rate is at the edge of what was tried.
        is_replicated: Whether any configuration has two runs.
        is_safe: Whether the ranked configurations are free of diverged runs.
    """
    found = []
    if not is_replicated:
        found.append("Unreplicated: every configuration has a single run; a difference may be the seed's.")
    elif any(score.n == 1 for score in scores):
        found.append("Some configurations have a single run; their noise is borrowed from the replicated ones.")
    if not is_safe:
        found.append("Every configuration has a diverged run; the means are those of the survivors and too good.")
    diverged = sum(score.n_diverged > 0 for score in others)
    if diverged:
        found.append(f"{diverged} of {len(scores) + len(others)} configurations had a diverged run and are not ranked.")
    edge = next((edges[run_id] for run_id in scores[0].run_ids if run_id in edges), None)
    if edge:
        found.append(edge)
    running = sum(score.n_running for score in (*scores, *others))
    if running:
        found.append(f"{running} run{' is' if running == 1 else 's are'} still queued or running.")
    return tuple(found)
