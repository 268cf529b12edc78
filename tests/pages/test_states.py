from __future__ import annotations

import pytest

from tests.pages.conftest import PAGES, OpenPage, shown_text

NOTHING_YET = {"missing": "There is no store here yet", "empty": "The store is empty"}
EXPECTED = {
    ("Overview", "one_run"): ["Newest sweep: demo\\-a", "2e-4"],
    ("Overview", "all_diverged"): ["Diverged", "Every run diverged"],
    ("Overview", "half_finished"): ["Running now", "3 of 7 runs done, 2 running, 2 waiting"],
    ("Overview", "mixed"): ["Newest sweep: demo\\-a", "Failed", "in 2 sweeps"],
    ("Learning rate", "one_run"): ["Best tried", "2e-4", "1 run at 1 learning rate"],
    ("Learning rate", "all_diverged"): ["Every run diverged (3 runs)", "try lower learning rates"],
    ("Learning rate", "half_finished"): ["4 still running"],
    ("Learning rate", "mixed"): ["Recommended", "Regret", "2 diverged"],
    ("Learning rate", "cliff"): ["The loss axis frames the valley"],
    ("Best configuration", "one_run"): ["needs replicates"],
    ("Best configuration", "all_diverged"): ["diverged"],
    ("Best configuration", "half_finished"): ["needs replicates"],
    ("Best configuration", "mixed"): ["lr 4e", "P(best)", "Not told from it", "Honest score"],
    ("Compare runs", "one_run"): ["Last values", "Choose several runs"],
    ("Compare runs", "all_diverged"): ["The newest 3 runs"],
    ("Compare runs", "half_finished"): ["The newest 6 runs"],
    ("Compare runs", "mixed"): ["The newest 6 runs"],
}


@pytest.mark.parametrize("title", PAGES)
@pytest.mark.parametrize("state", NOTHING_YET)
def test_a_page_without_runs_says_why_and_what_to_do(open_page: OpenPage, title: str, state: str) -> None:
    app = open_page(state, title)

    assert not app.exception
    assert app.title[0].value == title
    assert NOTHING_YET[state] in app.info[0].value
    if title in {"Import", "Launch", "Queue", "Audit"}:  # which are what to do, or need no runs
        assert not any("ucurve demo" in code.value for code in app.code)
    else:
        assert "ucurve demo" in app.code[0].value
    assert not app.dataframe


@pytest.mark.parametrize(("title", "state"), EXPECTED)
def test_a_page_shows_what_the_store_holds_in_words_and_a_chart(open_page: OpenPage, title: str, state: str) -> None:
    app = open_page(state, title)

    assert not app.exception
    assert not app.error
    assert app.title[0].value == title
    text = shown_text(app)
    for words in EXPECTED[title, state]:
        assert words in text
    assert app.get("plotly_chart") or app.info
