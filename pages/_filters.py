"""The filters every page shares. They live in the address bar, so a link shows the same view and a reload keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from analysis.runs.direction import Direction, direction_of
from analysis.runs.filters import Condition, parse_conditions
from pages._text import md_escape

ALL_SWEEPS: Final = "All sweeps"
DEFAULT_METRIC: Final = "eval_loss"
FACETS: Final = (
    "model",
    "dataset",
    "batch_size",
    "lora_rank",
    "lora_alpha",
    "lr_schedule",
    "weight_decay",
    "optimizer",
    "adapter",
    "max_steps",
    "token_budget",
    "status",
    "source",
    "seed",
)
"""Columns whose values are offered as ready filters; any other column or configuration key can be typed."""

AUTOMATIC: Final = "Automatic"
_DIRECTIONS: Final[Mapping[str, Direction | None]] = {AUTOMATIC: None, "Lower": "min", "Higher": "max"}

_MAX_VALUES: Final = 12
_NOT_OBJECTIVES: Final = frozenset({"lr_now", "grad_norm"})
"""Logged, but nobody wants the configuration with the lowest of these."""


@dataclass(frozen=True)
class Filters:
    """What the reader has chosen in the sidebar."""

    sweep: str | None
    metric: str
    direction: Direction
    where: tuple[Condition, ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Everything that must hold, the sweep included."""
        own = (Condition("sweep_id", "=", self.sweep),) if self.sweep else ()
        return merge_alternatives((*own, *self.where))


def ask_filters(
    sweeps: Sequence[str],
    metric_names: Sequence[str],
    directions: Mapping[str, Direction],
    suggestions: Callable[[str | None], Sequence[str]],
) -> Filters:
    """Draw the filters in the sidebar and return what is chosen.

    Args:
        sweeps: The sweeps to choose from, as `sweep_ids`.
        metric_names: Everything that was logged.
        directions: What imports declared of their metrics.
        suggestions: The ready filters of a sweep, or of all runs for None, as `suggest_conditions`.

    Raises:
        FilterError: when a typed condition cannot be read.
    """
    with st.sidebar:
        sweep = st.selectbox("Sweep", [ALL_SWEEPS, *sweeps], key="sweep", bind="query-params")
        metric = st.selectbox(
            "Metric",
            objectives(metric_names),
            key="metric",
            bind="query-params",
            help="What is compared: losses are mean nats per target token, eval_bpb is bits per byte.",
        )
        metric = metric or DEFAULT_METRIC
        direction = _ask_direction(direction_of(metric, directions))
        chosen = None if sweep in {None, ALL_SWEEPS} else sweep
        where = st.multiselect(
            "Filters",
            suggestions(chosen),
            key="where",
            bind="query-params",
            accept_new_options=True,
            placeholder="batch_size=16",
            format_func=str,
            help=(
                "Pick one or type your own, for example `learning_rate>=1e-4` or `name~demo`. Any column or "
                "configuration key works. Several values of one column: any of them; different columns: all must hold."
            ),
        )
    return Filters(chosen, metric, direction, tuple(parse_conditions(where)))


def _ask_direction(known: Direction) -> Direction:
    """Which values are better: as the import or the name says, unless the reader knows better."""
    chosen = st.segmented_control(
        "Better is",
        list(_DIRECTIONS),
        default=AUTOMATIC,
        required=True,
        key="better",
        bind="query-params",
        help=f"Automatic takes what an import declared, else goes by the metric's name: here "
        f"{'lower' if known == 'min' else 'higher'}.",
    )
    return _DIRECTIONS.get(chosen or AUTOMATIC) or known


def describe_filters(filters: Filters) -> str:
    """The filters as Markdown badges; empty when nothing is filtered."""
    texts = [f"sweep {filters.sweep}"] if filters.sweep else []
    texts += [str(condition) for condition in merge_alternatives(filters.where)]
    return " ".join(f":blue-badge[{md_escape(text)}]" for text in texts)


def sweep_ids(runs: pd.DataFrame) -> list[str]:
    """The sweeps, the one that changed last first."""
    changed = runs.dropna(subset=["sweep_id"]).groupby("sweep_id")["updated_at"].max()
    return [str(name) for name in changed.sort_values(ascending=False).index]


def objectives(metric_names: Sequence[str]) -> list[str]:
    """The metrics a configuration can be judged by, the usual ones first."""
    known = [name for name in (DEFAULT_METRIC, "eval_bpb", "train_loss") if name in metric_names]
    rest = sorted(name for name in metric_names if name not in known and name not in _NOT_OBJECTIVES)
    return [*known, *rest] or [DEFAULT_METRIC]


def suggest_conditions(runs: pd.DataFrame) -> list[str]:
    """Ready filters: one per value of each column that varies and has few values."""
    suggestions = []
    for column in FACETS:
        values = sorted(runs[column].dropna().unique())
        if 1 < len(values) <= _MAX_VALUES:
            suggestions += [str(Condition(column, "=", _plain(value))) for value in values]
    return [*suggestions, *_suggest_annotations(runs)]


def _suggest_annotations(runs: pd.DataFrame) -> list[str]:
    """Stars and tags, the most used first; only where they tell runs apart."""
    starred = ["starred=true"] if 0 < runs["starred"].sum() < len(runs) else []
    counts = Counter(str(tag) for tags in runs["tags"] for tag in tags or ())
    telling = sorted((tag for tag, n in counts.items() if n < len(runs)), key=lambda tag: (-counts[tag], tag))
    return [*starred, *(str(Condition("tag", "=", tag)) for tag in telling[:_MAX_VALUES])]


def merge_alternatives(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Conditions in which several values of one column have become one condition that allows any of them."""
    merged: dict[tuple[str, str], Condition] = {}
    for condition in conditions:
        # Only equality can mean "any of these"; every other condition stays by itself.
        slot = (condition.column, "=" if condition.op == "=" else str(condition))
        values = (*(merged[slot].values if slot in merged else ()), *condition.values)
        unique = tuple(dict.fromkeys(values))
        merged[slot] = Condition(condition.column, condition.op, unique if len(unique) > 1 else unique[0])
    return tuple(merged.values())


def _plain(value: object) -> str | int | float:
    """A numpy scalar as the Python value of its kind."""
    item = value.item() if hasattr(value, "item") else value
    return item if isinstance(item, str | int | float) else str(item)
