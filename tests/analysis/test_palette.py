"""Colours of a figure are told apart with every kind of colour blindness, as its most severe form sees them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from analysis.figures.theme import Theme, color_of
from tests.contrast import contrast, linear

N_COLORS = 7
LEAST = 15.0
"""CIE76 difference in Lab. Our choice: some six times what is just noticeable (2.3, Mahy et al. 1994), since lines are
thin; the Okabe-Ito colours themselves come to 16."""

LINE = 3.0
"""Least contrast of a line to the page: WCAG 2.2, 1.4.11."""
PAGE: dict[Theme, str] = {"light": "#ffffff", "dark": "#11161d"}

_SEES = {
    # Machado, Oliveira & Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency",
    # severity 1.0, for linear RGB.
    "everybody": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# CIE 15 (Lab, D65).
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(color: str, eyes: str) -> np.ndarray:
    """A colour in Lab as these eyes see it, shape (3,)."""
    ratio = _TO_XYZ @ np.clip(_SEES[eyes] @ linear(color), 0, 1) / _WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", _SEES)
def test_any_two_colours_differ(theme: Theme, eyes: str) -> None:
    colors = [color_of(index, theme) for index in range(N_COLORS)]
    assert len(set(colors)) == N_COLORS
    differences = {(a, b): float(np.linalg.norm(lab(a, eyes) - lab(b, eyes))) for a, b in combinations(colors, 2)}

    assert min(differences.values()) >= LEAST, min(differences, key=lambda pair: differences[pair])


def test_the_measure_knows_a_pair_that_the_colour_blind_cannot_tell() -> None:
    red, green = "#B22222", "#5A6E00"

    assert np.linalg.norm(lab(red, "everybody") - lab(green, "everybody")) > 4 * LEAST
    assert np.linalg.norm(lab(red, "deuteranopia") - lab(green, "deuteranopia")) < LEAST


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_stands_out_from_the_page(theme: Theme) -> None:
    contrasts = {color: contrast(color, PAGE[theme]) for color in (color_of(at, theme) for at in range(N_COLORS))}

    assert min(contrasts.values()) >= LINE, contrasts
