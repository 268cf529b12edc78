"""Rankings as tables, and the winner's configuration: for reading and for download."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pandas as pd

from analysis.ranking.types import ConfigScore, Ranking

_OFTEN_UNKNOWN: Final = (
    "ranks", "difference", "failure_rate", "failure_rate_at_most", "trained_tokens", "wall_s", "peak_memory_bytes",
)  # fmt: skip


def winner_table(rankings: Sequence[Ranking], metric: str) -> pd.DataFrame:
    """One row per ranking; a group without a winner has its name and no numbers."""
    rows = []
    for ranking in rankings:
        equal, winner = ranking.indistinguishable, ranking.winner
        rows.append(
            {
                "group": ranking.label,
                "winner": winner.name if winner else None,
                f"mean_{metric}": winner.mean if winner else None,
                "n": winner.n if winner else None,
                "p_best": ranking.p_best,
                "not_told_from_it": None if equal is None else len(equal) - 1,
                "configurations": len(ranking.ranking),
            }
        )
    return pd.DataFrame(rows)


def ranking_table(ranking: Ranking, metric: str) -> pd.DataFrame:
    """One row per configuration, best first; what is the same or unknown for all is left out."""
    rows = [_row(score, ranking, metric) for score in ranking.ranking]
    table = pd.DataFrame(rows)
    return table.drop(columns=[name for name in _OFTEN_UNKNOWN if table[name].isna().all()])


def _row(score: ConfigScore, ranking: Ranking, metric: str) -> dict[str, object]:
    known = ranking.indistinguishable is not None
    return {
        "rank": score.rank,
        **score.config,
        f"mean_{metric}": score.mean,
        "sd": score.sd,
        "se": score.se,
        "n": score.n,
        "p_best": score.p_best,
        "ranks": "{} to {}".format(*score.rank_interval) if score.rank_interval else None,
        "difference": score.difference,
        "like_the_winner": score.trial_key in (ranking.indistinguishable or ()) if known else None,
        "within_one_se": score.trial_key in ranking.one_se_set if known else None,
        "n_diverged": score.n_diverged,
        "failure_rate": score.n_diverged / (score.n + score.n_diverged) if score.n_diverged else None,
        "failure_rate_at_most": score.failure_interval[1] if score.failure_interval else None,
        "trained_tokens": score.trained_tokens,
        "wall_s": score.wall_s,
        "peak_memory_bytes": score.peak_memory_bytes,
        "trial_key": score.trial_key,
    }


def winner_json(winner: ConfigScore, runs: pd.DataFrame) -> str:
    """The configuration of the winner as it was logged, without its seed."""
    logged = runs.loc[runs["trial_key"] == winner.trial_key, "config_json"].dropna()
    config = json.loads(logged.iloc[0]) if len(logged) else dict(winner.config)
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, indent=2)
