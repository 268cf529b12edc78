"""Figures that are built once for all who look: building one costs more than everything else on most pages."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import streamlit as st

from pages._turns import TURN

_MOST_FIGURES: Final = 96


class Figure(Protocol):
    """What a plotly figure can do that is needed here; only `analysis.figures` knows plotly itself."""

    def update_layout(self, *, font_family: str, yaxis_range: tuple[float, float] | None) -> object:
        """Change the layout in place."""

    def to_plotly_json(self) -> object:
        """The figure as plain data."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that is not built yet: a module's own function and its arguments.

    Attributes:
        plot: The function.
        arguments: What it plots.
        options: And how, by keyword.
        told_by: What says the same of the arguments as they do themselves; both can be pickled.
    """

    plot: Callable[..., Figure]
    arguments: tuple[object, ...]
    options: Mapping[str, object]
    told_by: object

    def figure(self, y_range: tuple[float, float] | None) -> Figure:
        """The figure in the dashboard's font, shared by all who ask for the same: to be shown, not changed.

        Args:
            y_range: Limits of the y axis; everything by default.
        """
        name = f"{self.plot.__module__}.{self.plot.__qualname__}"
        given = pickle.dumps((name, self.told_by, sorted(self.options.items()), y_range), protocol=5)
        return _build(hashlib.blake2b(given, digest_size=16).hexdigest(), self, y_range)


def picture(
    plot: Callable[..., Figure], *arguments: object, told_by: Hashable | None = None, **options: object
) -> Picture:
    """`plot(*arguments, **options)`, to be built when nobody has asked for the same before.

    Args:
        plot: A module's own function.
        arguments: What it plots.
        told_by: A short key of what the arguments follow from, where they are long; by default they themselves.
        options: Further arguments.
    """
    return Picture(plot, arguments, options, arguments if told_by is None else told_by)


def finish(figure: Figure, y_range: tuple[float, float] | None) -> Figure:
    """Give a figure the dashboard's font and its y axis the limits."""
    # Plotly's own font is not on the machine; this is the one that Streamlit serves with every page.
    figure.update_layout(font_family='"Source Sans", sans-serif', yaxis_range=y_range)
    return figure


@st.cache_resource(max_entries=_MOST_FIGURES, show_spinner=False)
def _build(digest: str, _picture: Picture, _y_range: tuple[float, float] | None) -> Figure:  # noqa: ARG001
    with TURN:
        return finish(_picture.plot(*_picture.arguments, **_picture.options), _y_range)
