from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import LEARNING_RATES, FakeRun, write_store

TITLE = "Batch scaling"
# Two learning rates more, so that every batch size has its optimum inside the grid.
RATES = (2.5e-5, *LEARNING_RATES, 6.4e-3)


def _several_batches() -> list[FakeRun]:
    return [
        FakeRun(learning_rate=rate, batch_size=size, lora_rank=rank, seed=seed)
        for rate in RATES
        for size in (4, 8, 16, 32)
        for rank in (8, 16)
        for seed in (0, 1)
    ]


@pytest.fixture(scope="session")
def scaling_stores(stores: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("scaling")
    stores["several_batches"] = write_store(root / "several", _several_batches())
    one_batch = [run for run in _several_batches() if run.batch_size == 8 and run.lora_rank == 8]
    stores["one_batch"] = write_store(root / "one", one_batch)
    return stores


@pytest.mark.usefixtures("scaling_stores")
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("one_run", ["There is one batch size only", "fewer than three learning rates"]),
        ("one_batch", ["There is one batch size only", "the only batch\\_size of its setting"]),
        ("all_diverged", ["There is one batch size only", "every run diverged"]),
        ("half_finished", ["There is one batch size only"]),
        ("mixed", ["LR grows like batch", "sequences per step", "Not judged", "Across models and ranks"]),
        ("several_batches", ["LR grows like batch", "Steps were held fixed", "agree best at alpha", "lora\\_rank"]),
    ],
)
def test_the_page_says_what_the_store_supports(open_page: OpenPage, state: str, words: list[str]) -> None:
    app = open_page(state, TITLE)
    assert not app.exception
    assert not app.error
    text = shown_text(app)
    for word in words:
        assert word in text, text


@pytest.mark.usefixtures("scaling_stores")
def test_one_batch_size_is_a_sentence_and_no_chart(open_page: OpenPage) -> None:
    app = open_page("one_batch", TITLE)
    assert not app.get("plotly_chart")
    assert not app.metric
    assert "Collapse" not in shown_text(app)
    assert [len(item.value) for item in app.dataframe] == [1]  # what was left out, and why


@pytest.mark.usefixtures("scaling_stores")
def test_the_reader_chooses_alpha_and_setting_by_the_address(open_page: OpenPage) -> None:
    app = open_page("several_batches", TITLE, alpha="LR/B", setting=["lora_rank"])
    assert not app.exception
    assert app.multiselect(key="setting").value == ["lora_rank"]
    assert len(app.get("plotly_chart")) == 3
    app.multiselect(key="setting").set_value([]).run()
    assert not app.exception
