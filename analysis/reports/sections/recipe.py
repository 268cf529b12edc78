"""The recipe: the winning configuration as a sweep file of one trial."""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml

from analysis.ranking.tables import winner_json
from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Code, Heading, Text


def recipe_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the configuration of every winner that is shown in full."""
    rankings = [ranking for ranking in evidence.rankings if ranking.winner]
    if not rankings:
        yield Text("There is no winner, so there is no recipe.")
    for ranking in rankings:
        if ranking.winner is None:
            continue
        if len(rankings) > 1:
            yield Heading(ranking.label)
        config = json.loads(winner_json(ranking.winner, evidence.results))
        yield Code(yaml.safe_dump(config, sort_keys=True, allow_unicode=True), "yaml")
