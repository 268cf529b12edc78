"""U-curves on a page: the grouping control, one card per curve, and the curves as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.figures.valley import count_outside, valley_range
from analysis.lr_curves import sentences as text
from analysis.lr_curves.types import LrCurve
from analysis.number_format import format_percent, format_tried_lr
from analysis.wording.voices import MARKDOWN
from pages._charts import show_warnings
from pages._launch_start import offer_suggestions_of
from pages._tables import LR_FORMAT
from pages._text import MISSING, count_text, md_escape

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig


def ask_groups(keys: Sequence[str]) -> list[str]:
    """What makes a curve of its own; empty means everything that varies. Lives in the address bar."""
    return st.multiselect(
        "One curve per",
        keys,
        key="group",
        bind="query-params",
        placeholder="everything that varies (automatic)",
        help=(
            "Model, data, evaluation set and budget always make curves of their own, because losses do not compare "
            "across them. What you leave out here is averaged over, and the curve says so."
        ),
    )


def ask_range(curves: Sequence[LrCurve]) -> tuple[float, float] | None:
    """The limits of the loss axis: the valley where a cliff beside it would flatten it, unless the reader wants all."""
    valley = valley_range(curves)
    if valley is None or st.toggle("Show the whole loss range", key="whole", bind="query-params"):
        return None
    outside = count_text(count_outside(curves, valley), "mean")
    st.caption(f"The loss axis frames the valley; {outside} beyond it.")
    return valley


def most_trained(curves: Sequence[LrCurve], n: int) -> list[LrCurve]:
    """The curves with the most runs, at most `n`, in the order given."""
    chosen = sorted(range(len(curves)), key=lambda at: -curves[at].n_runs)[:n]
    return [curves[at] for at in sorted(chosen)]


def show_curve_card(curve: LrCurve) -> None:
    """One curve: the three learning rates that matter, what is wrong with it, and how each number was found."""
    with st.container(border=True, height="stretch"):
        st.subheader(md_escape(curve.label))
        st.caption(text.count_runs_text(curve))
        with st.grid(3, min_column_width=120, gap="small"):
            for mark in marks(curve):
                st.metric(
                    mark.name, mark.value, mark.remark, delta_color="off", delta_arrow="off", help=MEANINGS[mark.name]
                )
        show_warnings(curve.warnings)
        st.markdown("  \n".join(text.short_sentences(curve, MARKDOWN)))
        offer_suggestions_of(curve)
        with st.expander("How these numbers were found", type="compact"):
            st.markdown("\n\n".join((text.optimum_text(curve, MARKDOWN), text.recommended_text(curve, MARKDOWN))))


@dataclass(frozen=True)
class Mark:
    """One learning rate worth a large number: its name, its value and a remark below."""

    name: str
    value: str
    remark: str | None


def marks(curve: LrCurve) -> tuple[Mark, Mark, Mark]:
    """Best tried, optimum and recommended learning rate, each with what a reader asks next."""
    best = MISSING if curve.argmin_lr is None else format_tried_lr(curve.argmin_lr)
    edge = EDGES[curve.edge] if curve.argmin_lr is not None else None
    recommended = MISSING if curve.recommended_lr is None else format_tried_lr(curve.recommended_lr)
    regret = curve.regret_of_recommended
    return (
        Mark("Best tried", best, edge),
        Mark("Optimum", text.optimum_value(curve), None if curve.optimum_lr is None else text.bounds_text(curve)),
        Mark("Recommended", recommended, None if regret is None else f"regret {format_percent(regret)}"),
    )


def curve_columns(metric: str) -> dict[str, ColumnConfig | str | None]:
    """How the columns of the curves' tables look."""
    return {
        "curve": st.column_config.TextColumn(pinned=True),
        **{name: st.column_config.NumberColumn(format=LR_FORMAT, help=text) for name, text in _RATES.items()},
        f"best_{metric}": st.column_config.NumberColumn(format="%.4f", help="mean at the best learning rate tried"),
        f"mean_{metric}": st.column_config.NumberColumn(format="%.4f", help="mean over the finite runs"),
        "sd": st.column_config.NumberColumn(format="%.2g", help="standard deviation between runs"),
        "regret_of_recommended": st.column_config.NumberColumn(
            "regret", format="percent", help="(loss at the recommended rate - loss at the best) / loss at the best"
        ),
    }


_RATES: Final = {
    "best_tried_lr": "with the best mean over its finite runs",
    "optimum_lr": "minimum of the curve through the means; none where the sweep does not bracket it",
    "interval_low": "95 % interval of the optimum; none where nothing supports one",
    "interval_high": "95 % interval of the optimum, likewise",
    "recommended_lr": "what the published rule gives for this model",
}


MEANINGS: Final = {
    "Best tried": "The learning rate with the best mean over its finite runs; below, whether the minimum is bracketed "
    "by what was tried (docs/statistics/lr-curve.md).",
    "Optimum": "Vertex of a local fit to the means in ln(learning rate), with its 95 % interval, or the reason why "
    "there is none (docs/statistics/lr-curve.md).",
    "Recommended": "What a published rule gives for this model; regret: (value there - best value) / best value "
    "(docs/statistics/regret.md).",
}
"""What each mark is, and where its formula stands."""

EDGES: Final = {
    "none": "bracketed",
    "low": "lower edge",
    "high": "upper edge",
    "bounded_by_divergence": "diverges above",
    "soft": "unbracketed",
}
