"""The ranking: means with the runs behind them, differences to the winner, and every configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.figures.best_config import chart_height, plot_ranking
from analysis.figures.ranking_differences import plot_differences
from analysis.ranking.tables import ranking_table
from analysis.ranking.types import Ranking
from analysis.reports.evidence import Evidence
from analysis.reports.names import numbered
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Heading, Table, Text

MOST_ROWS: Final = 15
"""Configurations in a chart; the table has all of them."""
_ONLY_IN_FILES: Final = (
    "trial_key", "within_one_se", "failure_rate", "trained_tokens", "wall_s", "peak_memory_bytes",
)  # fmt: skip


def ranking_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the rankings that are shown in full."""
    rankings = evidence.rankings
    if not rankings:
        yield Text(evidence.best.overall.rule)
    for at, ranking in enumerate(rankings):
        if len(rankings) > 1:
            yield Heading(ranking.label)
        yield from _one(ranking, evidence.metric, at, len(rankings))


def _one(ranking: Ranking, metric: str, at: int, n: int) -> Iterator[Block]:
    if ranking.winner is None:
        yield Text(ranking.rule)
        return
    yield make_figure(
        lambda theme: plot_ranking(ranking, metric=metric, theme=theme, max_rows=MOST_ROWS),
        name=numbered("ranking", at, n),
        title="Means with one standard error, best on top; small dots are single runs",
        alt=f"Mean {metric} per configuration, best on top",
        height=chart_height(ranking, MOST_ROWS),
    )
    if ranking.indistinguishable is not None and len(ranking.ranking) > 1:
        yield make_figure(
            lambda theme: plot_differences(ranking, metric=metric, theme=theme, max_rows=MOST_ROWS),
            name=numbered("differences", at, n),
            title="Differences to the winner with 95 % intervals",
            alt=f"Difference in {metric} to the winner per configuration, with 95 % intervals",
            height=chart_height(ranking, MOST_ROWS),
        )
    yield Table(
        numbered("ranking-table", at, n),
        "Every configuration, best first",
        ranking_table(ranking, metric),
        only_in_files=_ONLY_IN_FILES,
    )
