"""`ucurve regret` on a sweep whose truth is known."""

from __future__ import annotations

import math

import pytest

from analysis.store import Store
from tests import synthetic
from tests.runner.cli.calling import Caller


def test_the_regret_of_one_learning_rate_is_that_of_the_true_parabola(ucurve: Caller, sweep_store: Store) -> None:
    answer = ucurve("regret", "--store", sweep_store.location, "--lr", 8e-4, "--where", "sweep_id=synthetic", "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert isinstance(found, dict)
    assert (found["rule"], found["threshold"], found["n_refused"]) == ("learning rate 8e-4", 0.005, 0)
    (curve,) = [item for item in found["per_curve"] if item["group"].get("batch_size") == 16]
    # One step of the grid is a factor of four, so that the interpolation is only near the parabola.
    true = synthetic.CURVATURE * math.log(8e-4 / synthetic.OPTIMUM[16]) ** 2
    assert curve["regret_absolute"] == pytest.approx(true, rel=0.5)
    assert curve["regret"] == pytest.approx(curve["regret_absolute"] / synthetic.LOWEST_LOSS, rel=0.05)


def test_the_text_names_rule_refusals_and_numbers(ucurve: Caller, sweep_store: Store) -> None:
    answer = ucurve("regret", "--store", sweep_store.location, "--lr-times", 1000)
    assert answer.code == 0
    assert "Regret of 1000 x tinker" in answer.out
    assert "outside the range of finite losses tried" in answer.out
    assert "inside each curve: no curve has a relative regret" in answer.out


def test_a_wrong_number_is_bad_input(ucurve: Caller, sweep_store: Store) -> None:
    answer = ucurve("regret", "--store", sweep_store.location, "--lr", -1)
    assert (answer.code, answer.out) == (2, "")
    assert "learning_rate must be a positive number, got -1" in answer.err


def test_a_stated_rule_of_divergence_reaches_the_curves(ucurve: Caller, sweep_store: Store) -> None:
    below = synthetic.LOWEST_LOSS + 0.03
    plain, strict = (
        ucurve("lr-curve", "--store", sweep_store.location, *options, "--json").json
        for options in ((), ("--diverged-above", below))
    )
    assert isinstance(plain, dict)
    assert isinstance(strict, dict)
    counts = [sum(p["n_diverged"] for c in found["curves"] for p in c["points"]) for found in (plain, strict)]
    assert counts[1] > counts[0]
