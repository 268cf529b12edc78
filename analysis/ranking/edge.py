"""Whether the winner's learning rate lies at the edge of what was tried."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.runs.groups import Columns, split_curves
from analysis.runs.values import RunValue


def edge_warning(
    columns: Columns, runs: Sequence[RunValue], rows: Sequence[int], winner_rows: Sequence[int]
) -> str | None:
    """Returns a sentence where the winner has the lowest or highest learning rate tried with its other settings.

    A diverged run above is no reason to go there, and a single learning rate has no edges.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        runs: What each row contributes.
        rows: Positions of the rows that compete.
        winner_rows: The winner's among them.
    """
    curve = next(group.rows for group in split_curves(columns, rows, None) if winner_rows[0] in group.rows)
    tried = [runs[row].learning_rate for row in curve if runs[row].role == "value"]
    diverged = [runs[row].learning_rate for row in curve if runs[row].role == "diverged"]
    rate = runs[winner_rows[0]].learning_rate
    if min(tried) == max(tried):
        return None
    if rate == max(tried) and max(diverged, default=0.0) <= rate:
        return _sentence("highest")
    return _sentence("lowest") if rate == min(tried) else None


def _sentence(edge: str) -> str:
    return f"The winner's learning rate is the {edge} one tried with its other settings; go further."
