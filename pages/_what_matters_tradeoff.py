"""Trade-offs on a page: two or three objectives, the front, the point to take within a limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.pareto import frame_of, plot_pareto, value_of
from analysis.pareto.front import compute_pareto
from analysis.pareto.objectives import COST_COLUMNS, known_objectives, read_objectives
from analysis.pareto.picks import amount_text
from analysis.pareto.types import Front, Objective, ParetoFronts
from analysis.store import Condition, Snapshot
from pages._charts import show_chart, show_warnings, theme
from pages._groups import choose_group
from pages._pictures import picture
from pages._tables import show_table
from pages._text import md_escape
from pages._view import View

NO_THIRD: Final = "none"
NO_LIMIT: Final = "no limit"
_NO_OBJECTIVES: Final = frozenset({"lr_now", "grad_norm"})


def show_tradeoff(view: View) -> None:
    """The front of one comparable group."""
    names = _choose_objectives(view)
    if len(names) < 2:
        st.info("A trade-off needs two things that were measured.", icon=":material/balance:")
        return
    fronts = load_fronts(view, tuple(names))
    label = choose_group([front.label for front in fronts.groups])
    front = next((front for front in fronts.groups if front.label == label), None)
    if front is None or not front.points:
        st.info("No finished run in view has a value of each objective.", icon=":material/hourglass_empty:")
        show_warnings(() if front is None else front.warnings)
        return
    cost = fronts.objectives[1]
    limit = _ask_limit(front, cost)
    if limit is not None:
        limited = load_fronts(view, tuple(names), ((cost.name, limit),))
        front = next(found for found in limited.groups if found.label == label)
    _show_front(front, fronts.objectives)


def load_fronts(view: View, names: tuple[str, ...], limits: tuple[tuple[str, float], ...] = ()) -> ParetoFronts:
    """The fronts over these objectives, cached."""
    return _fronts(view.snapshot.key, view.where, names, limits, view.snapshot)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _fronts(
    key: str,  # noqa: ARG001 - says all about the snapshot
    where: tuple[Condition, ...],
    names: tuple[str, ...],
    limits: tuple[tuple[str, float], ...],
    _snapshot: Snapshot,
) -> ParetoFronts:
    table, objectives = read_objectives(_snapshot, names, where)
    return compute_pareto(table, objectives=objectives, limits=dict(limits))


@st.cache_data(max_entries=8, show_spinner=False)
def _names(key: str, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return known_objectives(_snapshot)


def _choose_objectives(view: View) -> list[str]:
    """What is wanted, then what it costs, then the colour: as names, the wanted one first."""
    measured = [
        name
        for name in _names(view.snapshot.key, view.snapshot)
        if name not in _NO_OBJECTIVES and (name not in COST_COLUMNS or view.runs[name].notna().any())
    ]
    wanted = list(dict.fromkeys([view.metric, *measured]))
    costs = [name for name in ("peak_memory_bytes", "wall_s", "tokens_seen") if name in measured]
    costs.sort(key=lambda name: view.runs[name].nunique() < 2)
    with st.container(horizontal=True):
        first = st.selectbox("Wanted (y)", wanted, key="want", bind="query-params")
        rest = [name for name in dict.fromkeys([*costs, *measured]) if name != first]
        second = st.selectbox("Against (x)", rest, key="against", bind="query-params") if rest else None
        others = [NO_THIRD, *(name for name in rest if name != second)]
        third = st.selectbox("Third objective (colour)", others, key="third", bind="query-params")
    return [name for name in (first, second, third) if name and name != NO_THIRD]


def _ask_limit(front: Front, cost: Objective) -> float | None:
    """The most that may be spent: one of the amounts at which the front has a point."""
    amounts = sorted({point.values[cost.name] for point in front.front}, key=lambda value: cost.sign * value)
    if len(amounts) < 2:
        return None
    texts = dict(zip((amount_text(cost.name, amount) for amount in amounts), amounts, strict=True))
    most = "at most" if cost.direction == "min" else "at least"
    chosen = st.select_slider(f"{cost.name} {most}", [*texts, NO_LIMIT], value=NO_LIMIT, key=f"limit-{cost.name}")
    return texts.get(str(chosen))


def _show_front(front: Front, objectives: Sequence[Objective]) -> None:
    wanted, cost, *third = objectives
    share = "unknown" if front.hypervolume is None else f"{front.hypervolume:.1%}"
    n_front = len(front.front)
    st.markdown(
        f"**{n_front} of {len(front.points)} configurations {'is' if n_front == 1 else 'are'} beaten by no other in "
        f"every respect.** Hypervolume {share}.",
        help=md_escape(front.hypervolume_reason),
    )
    _show_picks(front)
    show_warnings(front.warnings)
    limits = frame_of(front, wanted)
    if limits is not None:
        n_outside = sum(not limits[0] <= value_of(point, wanted) <= limits[1] for point in front.points)
        st.caption(f"{n_outside:,} configurations lie outside the chart; double-click it to see all.")
    show_chart(
        picture(plot_pareto, front, (cost, wanted, *third), theme=theme()),
        key="pareto-chart",
        y_range=limits,
        alt=f"{wanted.name} against {cost.name}, {n_front} configurations on the front",
        height=500,
    )
    show_table(
        front_table(front),
        name="pareto",
        alt="One row per configuration, those on the front first",
        probabilities=("p_front",),
        columns={"p_front": st.column_config.NumberColumn(format="percent", help="probability of being on the front")},
    )


def _show_picks(front: Front) -> None:
    points = {point.trial_key: point for point in front.points}
    lines = []
    for pick in front.picks:
        if pick.trial_key is None:
            lines.append(f"- {md_escape(pick.rule)}: {md_escape(pick.reason)}")
            continue
        point = points[pick.trial_key]
        values = ", ".join(f"{name} {amount_text(name, value)}" for name, value in point.values.items())
        lines.append(f"- {md_escape(pick.rule)}: **{md_escape(point.name)}** ({md_escape(values)})")
    st.markdown("\n".join(lines))


def front_table(front: Front) -> pd.DataFrame:
    """One row per configuration."""
    return pd.DataFrame(
        [
            {
                "on_front": point.on_front,
                **point.values,
                "p_front": point.p_front,
                "n": point.n,
                **{key: value for key, value in point.config.items() if key not in point.values},
                "run_ids": list(point.run_ids),
            }
            for point in sorted(front.points, key=lambda point: not point.on_front)
        ]
    )
