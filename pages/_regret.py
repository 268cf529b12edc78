"""What the recommended learning rate, or any other, would have cost: controls, summary and one row per curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.lr_curves.rule_regret import THRESHOLD, RuleRegret, compute_rule_regret
from analysis.number_format import format_percent, format_tried_lr
from pages._data import analyse
from pages._tables import LR_FORMAT, show_table
from pages._text import count_text, join_text, md_escape
from pages._view import View

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

    from analysis.lr_curves.regret_types import RegretSummary

_RULE: Final = "Recommended"
_ONE: Final = "One learning rate"
_COLUMNS: Final = {
    "regret": "inside the curve: (value there - best) / best",
    "regret_best_rank": "against the best of any LoRA rank",
}


def show_rule_regret(view: View, groups: Sequence[str]) -> None:
    """Ask which rule or learning rate to judge, and say what it costs on every curve in view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        judged = st.segmented_control(
            "Judge", [_RULE, _ONE], default=_RULE, required=True, key="judge", bind="query-params"
        )
        rate = None
        if judged == _ONE:
            rate = st.number_input(
                "Learning rate", min_value=1e-9, value=3e-4, format=LR_FORMAT, step=1e-4, key="judged-lr", width=160
            )
        factor = st.number_input(
            "times", min_value=0.01, value=1.0, step=0.5, key="lr-times", width=120, help="Multiplies what is judged."
        )
    found = analyse(view, compute_rule_regret, learning_rate=rate, factor=factor, group_by=tuple(groups) or None)
    st.markdown("  \n".join(regret_sentences(found)))
    if any(item.learning_rate is not None for item in found.per_curve):
        show_table(
            regret_table(found), name="regret", alt="One row per curve and its regret", columns=_regret_columns(found)
        )


def regret_sentences(found: RuleRegret) -> list[str]:
    """What the regrets say, in words computed from them."""
    lines = [_summary_text(found.inside_rank, found, "the best of its own curve")]
    if found.best_rank is not None:
        lines.append(_summary_text(found.best_rank, found, "the best of any LoRA rank"))
    if found.median_absolute is not None and found.max_absolute is not None:
        lines.append(
            f"In {md_escape(found.metric)}: median {found.median_absolute:.2g}, largest {found.max_absolute:.2g}."
        )
    lines += [f"{count_text(count, 'curve')} {md_escape(reason)}." for reason, count in sorted(found.refusals.items())]
    return [*filter(None, lines), *(md_escape(note) for note in found.notes)]


def regret_table(found: RuleRegret) -> pd.DataFrame:
    """One row per curve."""
    return pd.DataFrame(
        [
            {
                "curve": item.label,
                "learning_rate": item.learning_rate,
                "regret": item.regret,
                f"in_{found.metric}": item.regret_absolute,
                "regret_best_rank": item.regret_best_rank,
                "best_tried_lr": item.argmin_lr,
                "edge": item.edge,
                "n_runs": item.n_runs,
                "method": item.method,
            }
            for item in found.per_curve
        ]
    )


def _summary_text(summary: RegretSummary, found: RuleRegret, against: str) -> str:
    if summary.share_below is None:
        return ""
    rates = {item.learning_rate for item in found.per_curve if item.regret is not None and item.learning_rate}
    what = join_text([f"**{format_tried_lr(rate)}**" for rate in sorted(rates)]) if len(rates) <= 3 else "The rule"
    n_below = round(summary.share_below * summary.n_curves)
    return (
        f"{what} against {against}: regret below {100 * THRESHOLD:g} % on {n_below:,} of "
        f"{count_text(summary.n_curves, 'curve')}, median {format_percent(summary.median)}, largest "
        f"{format_percent(summary.max)}."
    )


def _regret_columns(found: RuleRegret) -> dict[str, ColumnConfig | str | None]:
    return {
        "curve": st.column_config.TextColumn(pinned=True),
        "learning_rate": st.column_config.NumberColumn(format=LR_FORMAT, help="what is judged"),
        "best_tried_lr": st.column_config.NumberColumn(format=LR_FORMAT, help="with the best mean on this curve"),
        f"in_{found.metric}": st.column_config.NumberColumn(format="%.4f", help="regret in the metric's unit"),
        **{name: st.column_config.NumberColumn(format="percent", help=text) for name, text in _COLUMNS.items()},
    }
