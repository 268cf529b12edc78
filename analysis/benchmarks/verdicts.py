"""What a benchmark table says, in sentences that follow from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.benchmarks.aggregates import Aggregate
from analysis.benchmarks.correlation_types import LossCorrelation, LossCorrelations
from analysis.benchmarks.errors import Z_95
from analysis.benchmarks.types import BenchmarkMatrix, Flag

NAMES: Final = {"mean": "mean", "mean_rank": "mean rank", "win_rate": "win rate", "bradley_terry": "Bradley-Terry"}
"""Method -> its name in a sentence."""
_MOST_NAMED: Final = 3


def coverage_text(matrix: BenchmarkMatrix, aggregates: Sequence[Aggregate]) -> str:
    """How many cells are missing, and what the aggregates leave out for that or because it is at chance."""
    n_rows, n_columns = matrix.scores.shape
    n_missing, n_at_chance = int(matrix.missing.sum()), sum(bool(column.at_chance) for column in matrix.columns)
    chance = f" Columns at chance for everybody ({n_at_chance}) are in no aggregate." if n_at_chance else ""
    if not n_missing:
        return f"No cell is missing ({n_rows} × {n_columns}).{chance}"
    ranks = next(aggregate for aggregate in aggregates if aggregate.method == "mean_rank")
    kept_rows = n_rows - len(ranks.left_out)
    return (
        f"{n_missing} of {n_rows * n_columns} cells are missing. Mean, mean rank and win rate rest on {kept_rows} of "
        f"{n_rows} rows and {len(ranks.columns)} of {n_columns} columns that have no gap together; Bradley-Terry uses "
        f"every pair of rows that share a column.{chance}"
    )


def aggregate_verdict(matrix: BenchmarkMatrix, aggregates: Sequence[Aggregate]) -> tuple[str, ...]:
    """Whom the aggregates name, whether they agree, and by how much the best mean leads; empty below two rows."""
    if len(matrix.rows) < 2:
        return ()
    sentences = [_agreement(matrix, [aggregate for aggregate in aggregates if aggregate.winners])]
    sentences += _lead(matrix, next(aggregate for aggregate in aggregates if aggregate.method == "mean"))
    return tuple(sentence for sentence in sentences if sentence)


def correlation_conflicts(correlation: LossCorrelations) -> Flag | None:
    """The columns where the correlation over all rows is another than inside comparable groups; None without any."""
    found = [column for column in correlation.columns if column.conflict]
    if not found:
        return None
    shown = [
        f"{column.column} {column.tau.value:+.2f} and {column.within.value:+.2f}"
        for column in sorted(found, key=_gap, reverse=True)[:_MOST_NAMED]
    ]
    opposite = sum(_opposite(column) for column in found)
    signs = f", in {opposite} of them with the opposite sign" if opposite else ""
    text = (
        f"{correlation.metric} orders all rows otherwise than the rows inside one {_joined(correlation.group_keys)} in "
        f"{len(found)} of {len(correlation.columns)} columns{signs} ({'; '.join(shown)}): the pooled number mixes "
        "differences between groups with those inside them."
    )
    return Flag("simpson", text, tuple(column.column for column in found))


def _gap(column: LossCorrelation) -> float:
    return abs((column.tau.value or 0.0) - (column.within.value or 0.0))


def _opposite(column: LossCorrelation) -> bool:
    return (column.tau.value or 0.0) * (column.within.value or 0.0) < 0


def _agreement(matrix: BenchmarkMatrix, aggregates: Sequence[Aggregate]) -> str:
    if not aggregates:
        return ""
    names = {row.key: row.name for row in matrix.rows}
    by_winners: dict[tuple[str, ...], list[str]] = {}
    for aggregate in aggregates:
        by_winners.setdefault(aggregate.winners, []).append(NAMES[aggregate.method])
    parts = [f"{_joined(methods)}: {_winners(keys, names)}" for keys, methods in by_winners.items()]
    if len(parts) == 1:
        return f"All aggregates name the same best row ({parts[0]})."
    return f"The aggregates name different best rows. {'; '.join(parts)[0].upper()}{'; '.join(parts)[1:]}."


def _winners(keys: Sequence[str], names: dict[str, str]) -> str:
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return f"{' = '.join(names[key] for key in keys[:_MOST_NAMED])}{more}"


def _joined(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _lead(matrix: BenchmarkMatrix, mean: Aggregate) -> list[str]:
    known = np.flatnonzero(~np.isnan(mean.values))
    if len(known) < 2:
        return []
    first, second = known[np.argsort(-mean.values[known], kind="stable")[:2]]
    lead = float(mean.values[first] - mean.values[second])
    error = float(np.hypot(*((mean.high[[first, second]] - mean.values[[first, second]]) / Z_95)))
    name = matrix.rows[second].name
    if np.isnan(error):
        return [f"The best mean leads {name} by {100 * lead:.1f} points; the errors are unknown."]
    judged = "more than its error explains" if lead > Z_95 * error else "no more than its error explains"
    return [
        f"The best mean leads {name} by {100 * lead:.1f} ± {100 * error:.1f} points (item error, unpaired): {judged}."
    ]
