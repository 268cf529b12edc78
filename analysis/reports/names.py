"""Names of figures, tables and files inside a report."""

from __future__ import annotations


def numbered(name: str, at: int, n: int) -> str:
    """The name of the `at`-th of `n` things; one alone needs no number.

    >>> numbered("ranking", 0, 1), numbered("ranking", 1, 3)
    ('ranking', 'ranking-2')
    """
    return name if n == 1 else f"{name}-{at + 1}"
