"""What a sweep decided, in the one sentence that opens the dashboard and that its notices carry."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analysis.alerts.decision import decision_of_sweep
from analysis.lr_curves.types import LrCurve
from analysis.ranking.rank import rank_configurations
from analysis.ranking.types import BestConfiguration
from analysis.runs.progress import NO_SWEEP
from analysis.wording.voices import MARKDOWN
from pages._data import analyse, load_lr_curves
from pages._sweeps import narrow
from pages._view import View

_MOST_RANKED: Final = 2_000
"""Runs of a sweep up to which a page that is not about the ranking computes it (our choice: half a second)."""
_LEFT_OUT: Final = (
    f" P(best) stands on the page Best configuration: for more than {_MOST_RANKED:,} runs it would hold this one up."
)
_HELP: Final = (
    "The optimum is that of the U-curve the best configuration lies on, with its 95 % interval "
    "(docs/statistics/lr-curve.md); P(best) is the share of draws from the posterior of all means in which that "
    "configuration has the best one (docs/statistics/ranking.md). The pages Learning rate and Best "
    "configuration show what stands behind both."
)


def show_decision(view: View, sweep_id: str) -> None:
    """What the newest sweep decided, or why it cannot be said yet."""
    curves, best = load_evidence(view, sweep_id)
    name = "runs of no sweep" if sweep_id == NO_SWEEP else sweep_id
    more = "" if best is not None else _LEFT_OUT
    with st.container(border=True):
        st.markdown(f":material/gavel: {decision_of_sweep(name, curves, best, MARKDOWN)}{more}", help=_HELP)


def load_evidence(view: View, sweep_id: str) -> tuple[list[LrCurve], BestConfiguration | None]:
    """The U-curves of a sweep and, unless it is very large, the ranking of its configurations."""
    own = narrow(view, sweep_id)
    curves = load_lr_curves(own)
    is_small = sum(curve.n_runs for curve in curves) <= _MOST_RANKED
    return curves, analyse(own, rank_configurations) if is_small else None
