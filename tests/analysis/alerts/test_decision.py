"""The sentence that says what a sweep decided, on sweeps whose truth is known."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from analysis.alerts.decision import decision_of_sweep
from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.rank import rank_configurations
from analysis.wording.voices import MARKDOWN, PLAIN, Voice
from tests.analysis.alerts.sweeps import OPTIMUM, table, u_curve

RATES = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3)


def say(results: pd.DataFrame, voice: Voice = PLAIN) -> str:
    curves = compute_lr_curves(results, metric="eval_loss")
    return decision_of_sweep("demo", curves, rank_configurations(results, metric="eval_loss"), voice)


def test_a_replicated_u_names_the_optimum_its_interval_and_the_probability() -> None:
    text = say(table(*(u_curve(rate, seed=seed) for rate in RATES for seed in (0, 1, 2))))

    found = re.fullmatch(
        r"demo: the best learning rate is (\S+) \(95 % interval (\S+) – (\S+)\); "
        r"P\(best\) (>?)(\d\d)% for lr 4e-4, of 7 configurations\.",
        text,
    )
    assert found, text
    assert float(found[2]) <= OPTIMUM <= float(found[3])
    assert 50 < float(found[5]) <= 99


def test_without_seeds_it_says_that_nobody_knows_how_sure_that_is() -> None:
    text = say(table(*(u_curve(rate) for rate in RATES)))

    assert "95 % fit interval" in text
    assert "how sure that is nobody can say without a second seed near the best" in text
    assert "P(best)" not in text


@pytest.mark.parametrize(("rates", "edge"), [(RATES[:3], "not bracketed above"), (RATES[-3:], "not bracketed below")])
def test_an_edge_is_said(rates: tuple[float, ...], edge: str) -> None:
    text = say(table(*(u_curve(rate, seed=seed) for rate in rates for seed in (0, 1))))

    assert "best learning rate tried is" in text
    assert text.endswith(f"; {edge}.")


def test_the_curve_of_the_winner_leads_and_the_others_edges_are_named() -> None:
    good = [u_curve(rate, seed=seed, batch_size=4) for rate in RATES for seed in (0, 1)]
    worse = [u_curve(rate, seed=seed, batch_size=12, worse=0.3) for rate in RATES[:3] for seed in (0, 1)]
    text = say(table(*good, *worse))

    assert text.startswith("demo: at batch 4 the best learning rate is")
    assert text.endswith("; not bracketed above at batch 12.")


def test_what_does_not_compare_has_no_winner() -> None:
    runs = [u_curve(rate, model=model) for rate in RATES for model in ("a", "b")]
    text = say(table(*runs))

    assert text.startswith("demo: no overall winner, because its 2 groups of runs do not compare; at model a the best")
    assert "P(best)" not in text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("diverged", r"demo: nothing decided, because every run that counts diverged \(3 runs\); try .*\."),
        ("queued", r"demo: nothing decided yet, because no run has finished \(3 still to come\)\."),
        ("failed", r"demo: nothing decided, because no run has a value of the metric\."),
    ],
)
def test_where_nothing_can_be_said_it_says_why(status: str, sentence: str) -> None:
    text = say(table(*(u_curve(rate, status=status) for rate in RATES[:3])))

    assert re.fullmatch(sentence, text), text


def test_runs_to_come_are_counted() -> None:
    runs = [u_curve(rate) for rate in RATES[:5]] + [u_curve(rate, status="running") for rate in RATES[5:]]

    assert say(table(*runs)).endswith("; 2 runs still to come.")


def test_flat_curves_say_that_the_rate_does_not_matter() -> None:
    runs = [u_curve(rate, seed=seed, curvature=0.0) for rate in RATES for seed in range(6)]

    assert "the learning rate does not matter from 5e-5 to 3.2e-3" in say(table(*runs))


def test_names_are_inert_in_markdown() -> None:
    curves = compute_lr_curves(table(u_curve(1e-4)), metric="eval_loss")

    assert decision_of_sweep("[x](y)", curves, None, MARKDOWN).startswith("**\\[x\\]\\(y\\)**: ")
