"""The facts of a report, as JSON small enough to travel in it: what a later report is compared with."""

from __future__ import annotations

import math
from typing import Final

from analysis.lr_curves.types import LrCurve
from analysis.ranking.types import Ranking
from analysis.reports.evidence import Evidence
from analysis.reports.types import Facts

FORMAT: Final = 1
"""Grows when a key changes its meaning; keys may be added."""


def facts_of(evidence: Evidence) -> Facts:
    """Returns what was looked at, what was decided, and how sure that is."""
    store_id, _, versions = evidence.snapshot.key.partition(":")
    return {
        "format": FORMAT,
        **evidence.order.to_facts(),
        "direction": evidence.direction,
        "store": {"id": store_id, "versions": versions},
        "runs": {
            str(run_id): {"status": str(status), "value": _finite(value)}
            for run_id, status, value in sorted(
                zip(evidence.results["run_id"], evidence.results["status"], evidence.results["value"], strict=True)
            )
        },
        "excluded": {one.run_id: one.kind for one in evidence.exclusions},
        "decisions": [_decision(ranking) for ranking in evidence.best.groups],
        "optima": [_optimum(curve) for curve in evidence.curves],
    }


def _decision(ranking: Ranking) -> dict[str, object]:
    winner = ranking.winner
    names = {score.trial_key: score.name for score in ranking.ranking}
    return {
        "group": ranking.label,
        "winner": None
        if winner is None
        else {
            "trial_key": winner.trial_key,
            "name": winner.name,
            "config": dict(winner.config),
            "mean": winner.mean,
            "se": winner.se,
            "n": winner.n,
        },
        "p_best": ranking.p_best,
        "honest_score": ranking.corrected_mean,
        "not_told_from_it": None
        if ranking.indistinguishable is None
        else [names[key] for key in ranking.indistinguishable if winner is None or key != winner.trial_key],
        "means": {score.trial_key: score.mean for score in ranking.ranking if score.rank is not None},
        "warnings": list(ranking.warnings),
    }


def _optimum(curve: LrCurve) -> dict[str, object]:
    return {
        "curve": curve.label,
        "best_tried_lr": curve.argmin_lr,
        "optimum_lr": curve.optimum_lr,
        "interval": list(curve.interval) if curve.interval else None,
        "edge": curve.edge,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
