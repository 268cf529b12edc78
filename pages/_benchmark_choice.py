"""What to take by the loss and by the benchmarks, on a page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.benchmarks.choice_texts import gap_text
from analysis.benchmarks.choice_types import Choice, GroupChoice
from analysis.figures.pareto import frame_of, plot_pareto
from analysis.pareto.types import Objective
from pages._charts import show_chart, show_warnings, theme
from pages._groups import choose_group
from pages._pictures import picture
from pages._tables import show_table
from pages._text import join_text, md_escape

_ANCHOR = "loss-or-benchmarks"


def show_choice(choice: Choice) -> None:
    """The picks of one group of runs whose losses compare, and the Pareto front behind them."""
    st.subheader("Loss or benchmarks?", anchor=_ANCHOR)
    groups = [group for group in choice.groups if group.picks]
    if not groups:
        st.info(md_escape(choice.reason), icon=":material/balance:")
        return
    label = choose_group([group.front.label for group in groups]) if len(groups) > 1 else groups[0].front.label
    group = next((group for group in groups if group.front.label == label), groups[0])
    st.markdown("  \n".join(md_escape(sentence) for sentence in group.verdict))
    left_out = f" {len(choice.left_out)} runs lack one of them." if choice.left_out else ""
    st.caption(md_escape(f"Mean over {join_text(choice.columns)}: 0 is chance, 1 is perfect.{left_out}"))
    show_warnings(group.front.warnings)
    loss = Objective(name=choice.metric, direction=choice.direction)
    score = Objective(name="benchmark_mean", direction="max")
    show_chart(
        picture(plot_pareto, group.front, (loss, score), theme=theme()),
        key="choice-chart",
        y_range=frame_of(group.front, score),
        alt=f"Benchmark mean against {choice.metric}, one point per configuration",
    )
    show_table(choice_table(choice, group), name="choice", alt="One row per rule, and what it takes")


def choice_table(choice: Choice, group: GroupChoice) -> pd.DataFrame:
    """One row per rule."""
    rules = {
        "loss": f"best {choice.metric}",
        "benchmarks": "best benchmark mean",
        "within": f"best benchmark mean, loss within {100 * choice.margin:g} %",
    }
    table = pd.DataFrame(
        [
            {
                "rule": rules[pick.rule],
                "configuration": pick.name,
                choice.metric: pick.loss,
                "benchmark_mean": pick.benchmark_mean,
                "in_mean": None if pick.score_gap is None else gap_text(pick.score_gap),
                "in_loss": None if pick.loss_gap is None else gap_text(pick.loss_gap, 4),
                "how": None if pick.score_gap is None else pick.score_gap.method,
                "run_ids": list(pick.run_ids),
            }
            for pick in group.picks
        ]
    )
    return table.dropna(axis="columns", how="all")


def show_choice_line(choice: Choice | None) -> None:
    """One line for another page: whether the benchmarks would choose otherwise; nothing without benchmark scores."""
    groups = [group for group in choice.groups if group.picks] if choice is not None else []
    if choice is None or not groups:
        return
    said = groups[0].verdict[0]
    if len(groups) > 1:
        n_split = sum(not group.agree for group in groups)
        said = f"In {n_split} of {len(groups)} groups benchmarks name another configuration than {choice.metric}."
    st.markdown(f"**By benchmarks:** {md_escape(said)}")
    st.page_link("pages/benchmarks.py", label="Loss or benchmarks?", icon=":material/leaderboard:")
