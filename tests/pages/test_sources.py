"""Runs of several sources in one store: where they come from, and what was agreed on, is always visible."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.store import MetricRow, Store
from analysis.store.agreements import Agreement
from tests.pages.conftest import PAGES, OpenPage, shown_text
from tests.pages.stores import STATES, write_store


@pytest.fixture
def mixed_sources(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    folder = write_store(tmp_path / "sources", STATES["mixed"]())
    store = Store.open(folder)
    rates = (1e-4, 4e-4, 1.6e-3)
    ids = [f"wandb-{place}" for place in range(len(rates))]
    store.append(
        metrics=[
            MetricRow(run_id, 1, 9, None, None, "eval/loss", 2 + place / 10) for place, run_id in enumerate(ids)
        ],
        runs=[
            {"run_id": run_id, "source": "wandb", "status": "finished", "attempt": 1, "learning_rate": rate,
             "model": "SmolLM2-135M", "created_at": datetime.now(UTC), "name": run_id}
            for run_id, rate in zip(ids, rates, strict=True)
        ],
    )  # fmt: skip
    monkeypatch.setitem(stores, "sources", folder)
    return store


@pytest.mark.usefixtures("mixed_sources")
@pytest.mark.parametrize("title", [title for title in PAGES if title != "Import"])
def test_every_page_says_how_many_runs_come_from_where(open_page: OpenPage, title: str) -> None:
    app = open_page("sources", title)
    assert not app.exception
    assert ":gray-badge[3 wandb]" in shown_text(app)


def test_one_source_needs_no_words(open_page: OpenPage) -> None:
    assert "gray-badge[" not in shown_text(open_page("mixed", "Learning rate"))


@pytest.mark.usefixtures("mixed_sources")
def test_the_runs_say_their_source_and_the_name_a_metric_was_logged_under(open_page: OpenPage) -> None:
    app = open_page("sources", "Runs")
    table = next(frame.value for frame in app.dataframe if "source" in frame.value.columns)
    imported = table[table["source"] == "wandb"]
    assert set(imported["logged as"]) == {"eval/loss"}
    assert sorted(imported["eval_loss"]) == [2.0, 2.1, 2.2]

    filtered = open_page("sources", "Runs", where="source=wandb")
    table = next(frame.value for frame in filtered.dataframe if "learning_rate" in frame.value.columns)
    assert len(table) == 3


def test_what_was_agreed_on_stands_on_data_health(open_page: OpenPage, mixed_sources: Store) -> None:
    assert "Agreements" not in [each.value for each in open_page("sources", "Data health").subheader]
    agreed = Agreement(what="model", value="SmolLM2-135M", counts_as="smollm2-135m", source="wandb", because="same")
    mixed_sources.append(agreements=[agreed.to_row()])
    app = open_page("sources", "Data health")
    assert not app.exception
    assert "Agreements" in [each.value for each in app.subheader]
    table = next(frame.value for frame in app.dataframe if "counts as" in frame.value.columns)
    assert list(table["value"]) == ["SmolLM2-135M"]
