from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from analysis.lr_curves.monotone_cubic import MonotoneCubic


@given(st.integers(2, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_it_is_scipys_pchip(n: int, seed: int, with_ties: bool) -> None:
    generator = np.random.default_rng(seed)
    x = np.cumsum(generator.uniform(0.1, 3.0, n))
    y = np.round(generator.normal(2.0, 1.0, n), 0 if with_ties else 12)
    inside = np.concatenate([x, generator.uniform(x[0], x[-1], 30)])

    ours = [MonotoneCubic(x, y)(at) for at in inside]

    np.testing.assert_allclose(ours, PchipInterpolator(x, y)(inside), rtol=1e-9, atol=1e-9)


def test_outside_it_keeps_the_value_of_the_end() -> None:
    curve = MonotoneCubic(np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0, 2.0]))

    assert (curve(-5.0), curve(9.0)) == (3.0, 2.0)


@given(st.integers(3, 9), st.integers(0, 2**32 - 1), st.floats(0.001, 3.0))
def test_it_reaches_to_where_scipys_curve_first_crosses_the_level(n: int, seed: int, rise: float) -> None:
    generator = np.random.default_rng(seed)
    x = np.cumsum(generator.uniform(0.1, 3.0, n))
    y = generator.normal(2.0, 1.0, n)
    best, level = int(np.argmin(y)), float(y.min() + rise)
    crossings = PchipInterpolator(x, y).solve(level, extrapolate=False)
    below, above = crossings[crossings <= x[best]], crossings[crossings >= x[best]]

    curve = MonotoneCubic(x, y)

    assert curve.reach(best, -1, level) == pytest.approx(below.max() if below.size else x[0], abs=1e-6)
    assert curve.reach(best, 1, level) == pytest.approx(above.min() if above.size else x[-1], abs=1e-6)
