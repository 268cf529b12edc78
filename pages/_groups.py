"""Which comparable group to look at: asked where there are several, because their values do not compare."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def choose_group(labels: Sequence[str]) -> str | None:
    """The label of the group to look at, None where there is none; it lives in the address bar."""
    if len(labels) < 2:
        return labels[0] if labels else None
    return st.selectbox(
        f"{len(labels)} groups of runs whose values compare",
        labels,
        key="compared-group",  # the page Learning rate has a `group` of its own
        bind="query-params",
        help="Models, data, evaluation sets and budgets are never mixed.",
    )
