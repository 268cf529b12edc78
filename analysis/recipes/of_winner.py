"""The recipe of the configuration that a ranking chose, with what to know before believing the choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from analysis.errors import NotEnoughRuns
from analysis.number_format import format_probability
from analysis.recipes.from_run import recipe_of_run
from analysis.recipes.recipe import Recipe

if TYPE_CHECKING:
    from analysis.ranking.types import BestConfiguration, ConfigScore, Ranking
    from analysis.store import Snapshot


def recipe_of_best(best: BestConfiguration, snapshot: Snapshot) -> Recipe:
    """Returns the recipe of the winner among runs that compare.

    Raises:
        NotEnoughRuns: nothing won, or the runs fall into groups that do not compare.
    """
    if len(best.groups) > 1:
        labels = "; ".join(ranking.label for ranking in best.groups[:5])
        raise NotEnoughRuns(
            f"The runs fall into {len(best.groups)} groups that do not compare, so none of them is the best; "
            f"choose one with --where ({labels}{'; ...' if len(best.groups) > 5 else ''})."
        )
    return recipe_of_winner(best.groups[0] if best.groups else best.overall, snapshot)


def recipe_of_winner(ranking: Ranking, snapshot: Snapshot) -> Recipe:
    """Returns the recipe of a ranking's winner: of its run with the lowest seed, not of the luckiest one.

    Raises:
        NotEnoughRuns: nothing won.
    """
    if ranking.winner is None:
        raise NotEnoughRuns(f"There is no best configuration to export: {ranking.rule}")
    rows = snapshot.run_rows(ranking.winner.run_ids)
    finished = [row for row in rows.values() if row.get("status") != "diverged"]
    row = min(finished or list(rows.values()), key=_seed_order)
    return recipe_of_run(row, tuple(_caveats(ranking, ranking.winner)))


def _seed_order(row: Mapping[str, object]) -> tuple[bool, int, str]:
    seed = row.get("seed")
    return (not isinstance(seed, int), seed if isinstance(seed, int) else 0, str(row["run_id"]))


def _caveats(ranking: Ranking, winner: ConfigScore) -> Iterator[str]:
    if ranking.p_best is not None:
        yield f"The probability that this configuration is the best is {format_probability(ranking.p_best)}."
    if ranking.indistinguishable is not None and len(ranking.indistinguishable) > 1:
        yield f"{len(ranking.indistinguishable) - 1} of the others cannot be told from it."
    yield ranking.rule
    if winner.n > 1:
        yield f"The configuration ran {winner.n} times; the seed here is the lowest of them, not the luckiest."
    yield from (warning for warning in ranking.warnings if warning != ranking.rule)
    if ranking.validation_advice is not None:
        yield ranking.validation_advice.text
