from __future__ import annotations

import pytest

from analysis.scaling.types import PowerLaw
from analysis.scaling.verdict import law_verdict


@pytest.mark.parametrize(
    ("alpha", "start"),
    [
        (0.5, "LR grows like batch^0.50"),
        (-0.3, "LR falls like batch^-0.30"),
        (-0.001, "LR stays the same over batch, exponent 0.00"),
    ],
)
def test_the_sentence_says_which_way_the_learning_rate_goes(alpha: float, start: str) -> None:
    law = PowerLaw(
        alpha=alpha, interval=(alpha - 0.1, alpha + 0.1), interval_method="", se=0.05, dof=5, intercepts={}, tau=0.0,
        n_points=7,
    )  # fmt: skip

    assert law_verdict(law, [], noun="batch", too_few="").startswith(start)
