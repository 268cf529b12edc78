"""Importance of the hyperparameters on a page: one sentence, the bars, the numbers, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.figures.importance import plot_importance
from analysis.importance.compute import compute_importance
from analysis.importance.tables import importance_table, pair_table
from analysis.importance.types import GroupImportance, Scale, Scope
from pages._charts import show_chart, show_warnings, theme
from pages._data import analyse
from pages._groups import choose_group
from pages._pictures import picture
from pages._tables import show_table
from pages._text import md_escape
from pages._view import View
from pages._what_matters_trials import load_tables

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

SCOPES: Final[dict[str, Scope]] = {"All trials": "all", "Better half": "top"}
SCALES: Final[dict[str, Scale]] = {"Ranks": "rank", "Values": "value"}
_HOW: Final = (
    "**Explains of the difference** is the share of the variance between trials that one hyperparameter alone accounts "
    "for, averaged over all values of the others (fANOVA). **Separates the best** asks something else: along which "
    "hyperparameters the best trials lie elsewhere than all of them (PED-ANOVA); its bars add up to 100 % and are no "
    "shares of variance. Both depend on the ranges that were tried: a range ten times wider matters more."
)


def show_importance(view: View) -> None:
    """What matters in one comparable group."""
    label = choose_group([table.label for table in load_tables(view)])
    if label is None:
        st.info("No finished or diverged run is in view yet.", icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True):
        scope = _ask("Trials", SCOPES, "scope", "The better half: what still matters once bad ranges are left.")
        scale = _ask("Differences of", SCALES, "scale", "Ranks keep a few trials that blew up from deciding it all.")
    with st.spinner("Growing forests over the trials …"):
        found = analyse(view, compute_importance, scope=SCOPES[scope], scale=SCALES[scale], only=label)
    for group in found.groups:
        _show_group(group)


def _ask(label: str, options: dict[str, Scope] | dict[str, Scale], key: str, explanation: str) -> str:
    names = list(options)
    chosen = st.segmented_control(
        label, names, default=names[0], required=True, key=key, bind="query-params", help=explanation
    )
    return chosen or names[0]


def _show_group(group: GroupImportance) -> None:
    if not group.importances:
        st.info(md_escape(group.summary), icon=":material/hourglass_empty:")
        show_warnings(group.warnings)
        return
    st.markdown(f"**{md_escape(group.summary)}**")
    show_warnings(group.warnings)
    show_chart(
        picture(plot_importance, group, theme=theme()),
        key="importance-chart",
        alt=group.summary,
        height=170 + 52 * (min(len(group.importances), 12) + 1),
    )
    with st.expander("What these numbers are", type="compact"):
        st.markdown(_HOW)
        exact = "exact, every combination was run" if group.method == "factorial" else "estimated by a random forest"
        st.markdown(f"Shares: {exact}. Intervals: {md_escape(group.interval_method)}.")
    show_table(
        importance_table(group),
        name="importance",
        alt="One row per hyperparameter, the largest share first",
        columns=_percentages(_SHARES),
        whole_percent=tuple(_SHARES),
    )
    if group.pairs:
        st.subheader("Two at a time", help="What a pair explains beyond the sum of its two main effects.")
        show_table(
            pair_table(group),
            name="importance-pairs",
            alt="One row per pair of hyperparameters, the largest interaction first",
            columns=_percentages(_PAIR_SHARES),
            whole_percent=tuple(_PAIR_SHARES),
        )


_SHARES: Final = {
    "explains": "share of the variance of the mean over all other hyperparameters (fANOVA, Hutter et al. 2014)",
    "low": "95 % interval of it",
    "high": "95 % interval of it",
    "separates_the_best": "how far the best tenth is distributed otherwise than all (PED-ANOVA, Watanabe et al. 2023)",
    "ped_low": "95 % interval of it",
    "ped_high": "95 % interval of it",
}
_PAIR_SHARES: Final = {
    "explains_together": "share of the variance beyond the sum of the two main effects (fANOVA)",
    "low": "95 % interval of it",
    "high": "95 % interval of it",
}


def _percentages(meanings: Mapping[str, str]) -> dict[str, ColumnConfig | str | None]:
    return {name: st.column_config.NumberColumn(format="percent", help=text) for name, text in meanings.items()}
