"""The recipe: the winning configuration as a sweep file that `ucurve sweep` runs."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.errors import ConfigError
from analysis.ranking.tables import winner_json
from analysis.ranking.types import ConfigScore, Ranking
from analysis.recipes.of_winner import recipe_of_winner
from analysis.recipes.render import render_recipe
from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Bullets, Code, Heading, Text


def recipe_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the recipe of every winner that is shown in full."""
    rankings = [(ranking, ranking.winner) for ranking in evidence.rankings if ranking.winner]
    if not rankings:
        yield Text("There is no winner, so there is no recipe.")
    for ranking, winner in rankings:
        if len(rankings) > 1:
            yield Heading(ranking.label)
        yield from _one(ranking, winner, evidence)


def _one(ranking: Ranking, winner: ConfigScore, evidence: Evidence) -> Iterator[Block]:
    recipe = recipe_of_winner(ranking, evidence.snapshot)
    try:
        rendered = render_recipe(recipe, "ucurve")
    except ConfigError as problem:
        yield Text(f"As it was logged, because it is no sweep file: {problem}")
        yield Code(winner_json(winner, evidence.results), "json")
        return
    yield Code(rendered.text, "yaml")
    missing = (*rendered.sentences("no_equivalent"), *recipe.notes)
    if missing:
        yield Bullets(missing)
