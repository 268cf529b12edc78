"""Every page on real runs: our own sweep of 72, and, where they are here, 781 runs of public tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import main
from tests.golden.answers import import_sweep
from tests.pages.conftest import PAGES, OpenPage, shown_text
from tests.shared_data import table_path

MAPS = Path(__file__).parents[2] / "examples" / "maps"
PUBLIC = {
    "tinker-sft-sweep": "tinker-sft-sweep/sft_sweep.csv",
    "openlm-models": "openlm-scaling/models.csv",
    "openlm-evals": "openlm-scaling/evals.csv",
    "peft-runs": "peft-metamathqa/runs.csv",
    "peft-curves": "peft-metamathqa/curves.csv",
}


@pytest.fixture(scope="session")
def own_sweep(stores: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    stores["own sweep"] = tmp_path_factory.mktemp("own") / "store"
    import_sweep(stores["own sweep"])
    return "own sweep"


@pytest.fixture(scope="session")
def public_tables(stores: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    paths = {name: table_path(table) for name, table in PUBLIC.items()}
    stores["public"] = tmp_path_factory.mktemp("public") / "store"
    for name, path in paths.items():
        with pytest.raises(SystemExit) as end:
            main(["import", "table", str(path), "--map", str(MAPS / f"{name}.yaml"), "--store", str(stores["public"])])
        assert end.value.code in (0, None)
    return "public"


@pytest.mark.parametrize("title", PAGES)
def test_every_page_shows_our_own_sweep(open_page: OpenPage, own_sweep: str, title: str) -> None:
    app = open_page(own_sweep, title)

    assert not app.exception
    assert not app.error
    assert app.title[0].value == title


def test_the_best_learning_rate_of_our_own_sweep_grows_with_the_batch_size(open_page: OpenPage, own_sweep: str) -> None:
    text = shown_text(open_page(own_sweep, "Batch scaling"))

    assert "linear scaling is ruled out" in text
    assert "Trained tokens were held fixed" in text


@pytest.mark.slow
@pytest.mark.parametrize("title", PAGES)
def test_every_page_shows_the_public_tables(open_page: OpenPage, public_tables: str, title: str) -> None:
    app = open_page(public_tables, title)

    assert not app.exception
    assert not app.error
    assert app.title[0].value == title
