from __future__ import annotations

import pytest

from analysis.lr_curves.rule_regret import compute_rule_regret
from pages._regret import regret_sentences, regret_table
from tests.analysis.sweeps import losses, make_results
from tests.pages.conftest import OpenPage, shown_text

RATES = [1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("one_run", "interpolation needs 3 learning rates"),
        ("all_diverged", "interpolation needs 3 learning rates"),
        ("mixed", "against the best of its own curve"),
    ],
)
def test_the_page_judges_the_recommended_learning_rate(open_page: OpenPage, state: str, words: str) -> None:
    app = open_page(state, "Learning rate")
    assert not app.exception
    assert words in shown_text(app)


def test_any_learning_rate_can_be_judged(open_page: OpenPage) -> None:
    app = open_page("mixed", "Learning rate", judge="One learning rate")
    assert not app.exception
    app.number_input(key="judged-lr").set_value(8e-4).run()
    assert not app.exception
    assert "**8e-4** against" in shown_text(app)
    app.number_input(key="lr-times").set_value(0.5).run()
    assert "**4e-4** against" in shown_text(app)


def test_the_card_tells_how_the_optimum_was_tested(open_page: OpenPage) -> None:
    assert "Test of a U" in shown_text(open_page("mixed", "Learning rate"))


def test_the_sentences_follow_from_the_regrets() -> None:
    rows = [
        *losses(RATES, [2.4, 2.2, 2.1, 2.3, 2.6], lora_rank=4),
        *losses(RATES, [2.3, 2.1, 2.0, 2.2, 2.5], lora_rank=64),
        *losses(RATES[:2], [2.3, 2.1], lora_rank=128),
    ]
    found = compute_rule_regret(make_results(rows), metric="m", learning_rate=4e-4)
    text = "\n".join(regret_sentences(found))
    assert "**4e-4** against the best of its own curve: regret below 0.5 % on 2 of 2 curves" in text
    assert "against the best of any LoRA rank: regret below 0.5 % on 1 of 2 curves" in text
    assert "1 curve not computed" in text
    table = regret_table(found)
    assert list(table["curve"]) == ["lora_rank 4", "lora_rank 64", "lora_rank 128"]
    assert table["regret"].isna().tolist() == [False, False, True]


def test_every_number_of_a_curve_explains_itself(open_page: OpenPage) -> None:
    metrics = open_page("mixed", "Learning rate").metric

    assert {metric.label for metric in metrics} >= {"Best tried", "Optimum", "Recommended"}
    assert all("docs/statistics/" in metric.help for metric in metrics)
