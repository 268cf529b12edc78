"""The collapse on the Batch scaling page: one alpha at a time, judged by its score."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.collapse import near_range, plot_collapse
from analysis.scaling.batch_scaling import BatchScaling
from analysis.scaling.types import Collapse, CollapsePoint
from analysis.scaling.verdict import format_exponent, range_text
from pages._charts import show_chart, theme
from pages._pictures import picture
from pages._text import md_escape

_CHOICES: Final = {"LR": 0.0, "LR/√B": 0.5, "LR/B": 1.0}
_BEST: Final = "best α"


def show_collapse(found: BatchScaling) -> None:
    """The loss curves of all batch sizes against LR / B^alpha, alpha chosen by the reader."""
    collapse = found.collapse
    if collapse.reason is not None or collapse.best_alpha is None:
        st.info(md_escape(f"Not judged: {collapse.reason}."), icon=":material/hourglass_empty:")
        return
    st.markdown(md_escape(collapse_text(collapse)))
    name, alpha = _ask_alpha(collapse.best_alpha)
    points = _ask_points(collapse)
    show_chart(
        picture(plot_collapse, points, alpha=alpha, metric=found.metric, batch_axis=found.batch_axis, theme=theme()),
        key="collapse",
        alt=f"{found.metric} above each batch size's minimum against {name}",
        height=420,
        y_range=near_range(points),
        table=collapse_table(points, alpha, found.batch_axis),
    )


def collapse_text(collapse: Collapse) -> str:
    """What the scores say."""
    best = format_exponent(collapse.best_alpha or 0.0)
    interval = f" (95 % {range_text(collapse.interval)})" if collapse.interval else ""
    sentences = [f"The loss curves of {collapse.n_batch_sizes} batch sizes agree best at alpha = {best}{interval}."]
    if collapse.best_score is not None:
        scores = [f"{score:.1f} at {alpha:g}" for alpha, score in (collapse.scores or {}).items() if score is not None]
        quality = "agree as well as noise allows" if collapse.best_score < 2 else "still differ by more than noise"
        sentences.append(
            f"There they {quality}: squared error {collapse.best_score:.1f} times the noise's "
            f"(1 is perfect; {', '.join(scores)})."
        )
    else:
        sentences.append("Nothing says how large the noise is, so whether they agree within it is unknown.")
    return " ".join(sentences)


def collapse_table(points: list[CollapsePoint], alpha: float, axis: str) -> pd.DataFrame:
    """One row per mean in the chart."""
    return pd.DataFrame(
        [
            {
                "setting": point.label,
                axis: point.x,
                "learning_rate": point.learning_rate,
                "scaled_learning_rate": point.learning_rate / point.x**alpha,
                "above_minimum": point.excess,
                "n": point.n,
                "counts": point.is_near,
            }
            for point in points
        ]
    )


def _ask_alpha(best: float) -> tuple[str, float]:
    choices = {**_CHOICES, _BEST: best}
    chosen = st.segmented_control(
        "Against",
        list(choices),
        default=_BEST,
        required=True,
        key="alpha",
        bind="query-params",
    )
    return str(chosen), choices.get(str(chosen), best)


def _ask_points(collapse: Collapse) -> list[CollapsePoint]:
    labels = list(dict.fromkeys(point.label for point in collapse.points))
    chosen = st.selectbox("Setting", labels, key="collapse-setting") if len(labels) > 1 else labels[0]
    return [point for point in collapse.points if point.label == chosen]
