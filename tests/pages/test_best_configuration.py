from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from analysis.recipes.rendered import Rendered
from analysis.store import RunRow
from pages._recipe_download import pack
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import FakeRun, write_store

GIB = 2**30


class Measured(FakeRun):
    """A run that says how much memory it took: a GiB a rank."""

    def row(self) -> RunRow:
        return {**super().row(), "peak_memory_bytes": self.lora_rank * GIB}


def _replicated() -> list[FakeRun]:
    return [
        Measured(learning_rate=rate, lora_rank=rank, seed=seed)
        for rate in (2e-4, 4e-4, 8e-4)
        for rank in (8, 16)
        for seed in (0, 1, 2)
    ]


@pytest.fixture
def replicated(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(stores, "replicated", write_store(tmp_path / "replicated", _replicated()))
    return "replicated"


def test_the_decision_its_evidence_and_its_caveats(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration")

    assert not app.exception
    text = shown_text(app)
    assert "shared seeds" in text
    assert "held out 2." in text
    assert len(app.get("plotly_chart")) == 2
    [table] = [item.value for item in app.dataframe if "p_best" in item.value]
    assert {"difference", "ranks", "within_one_se", "like_the_winner", "peak_memory_bytes"} <= set(table.columns)
    assert '"learning_rate": 0.0004' in app.code[0].value


def test_constraints_live_in_the_address_and_are_counted(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration", constraint=["peak_memory_bytes<10GiB", "train_loss<2.2"])

    assert not app.exception
    text = shown_text(app).replace("\\", "")
    assert "peak_memory_bytes<10GiB excludes 3 configurations" in text
    assert "train_loss<2.2 excludes" in text
    [table] = [item.value for item in app.dataframe if "p_best" in item.value]
    assert len(table) <= 3


def test_an_unreadable_constraint_is_to_be_corrected_on_the_page(open_page: OpenPage, replicated: str) -> None:
    on_page = open_page(replicated, "Best configuration", constraint=["lora rank at most 8"])
    in_sidebar = open_page(replicated, "Best configuration", where=["lora rank at most 8"])

    assert "in the controls of this page" in on_page.warning[0].value
    assert on_page.multiselect(key="constraint").value == ["lora rank at most 8"]
    assert "in the sidebar" in in_sidebar.warning[0].value


def test_limits_and_groups_change_the_ranking(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration")

    app.number_input(key="max-gib").set_value(8.0).run()
    assert "excludes 3 configurations" in shown_text(app)

    app.number_input(key="max-gib").set_value(None)
    app.multiselect(key="compete").set_value(["lora_rank"]).run()
    assert not app.exception
    assert {"lora\\_rank 8", "lora\\_rank 16"} <= {header.value for header in app.subheader}


@pytest.mark.parametrize("text", ["nonsense", "no_such<3"])
def test_a_constraint_that_cannot_be_read_is_explained(open_page: OpenPage, replicated: str, text: str) -> None:
    app = open_page(replicated, "Best configuration", constraint=text)

    assert not app.exception
    assert text.split("<")[0].replace("_", "\\_") in app.warning[0].value


def test_constraints_that_leave_nothing_say_so(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration", constraint="lora_rank<1")

    assert not app.exception
    assert "constraints exclude all configurations" in shown_text(app)


def test_failures_can_be_allowed(open_page: OpenPage) -> None:
    app = open_page("all_diverged", "Best configuration", failures="100")

    assert not app.exception
    assert "diverged" in shown_text(app)


def _groups(n: int) -> list[FakeRun]:
    return [
        FakeRun(learning_rate=rate, model=f"model-{at}", seed=seed)
        for at in range(n)
        for rate in (2e-4, 4e-4)
        for seed in (0, 1)
    ]


def test_of_many_groups_all_winners_are_listed_and_one_is_shown_in_full(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "groups", write_store(tmp_path / "groups", _groups(8)))
    app = open_page("groups", "Best configuration", **{"compared-group": "model model-3"})

    assert not app.exception
    [winners] = [item.value for item in app.dataframe if "winner" in item.value]
    assert len(winners) == 8
    assert winners["winner"].notna().all()
    assert app.selectbox(key="compared-group").value == "model model-3"
    assert [item.value for item in app.subheader] == ["model model\\-3"]
    assert "model-3" in app.code[0].value
    assert "and 3 more" in app.info[0].value


def test_a_few_groups_are_all_shown(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "few", write_store(tmp_path / "few", _groups(3)))
    app = open_page("few", "Best configuration")
    assert not app.exception
    assert len(app.subheader) == 3


def test_the_winner_goes_to_a_training_tool(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration")
    assert "learning_rate: 0.0004" in app.code[1].value
    [button] = app.get("download_button")[-1:]
    assert "ucurve.yaml" in button.proto.label

    app.selectbox(key="recipe-tool").set_value("trl")
    app.number_input(key="recipe-devices").set_value(2).run()
    assert not app.exception
    assert "per_device_train_batch_size: 4" in app.code[1].value
    assert "# ! " in app.code[1].value
    assert "that the run does not say" in shown_text(app)

    app.number_input(key="recipe-devices").set_value(3).run()
    assert not app.exception
    assert "cannot be split evenly into 3 device" in app.error[0].value


def test_a_recipe_of_several_files_is_one_archive(open_page: OpenPage, replicated: str) -> None:
    app = open_page(replicated, "Best configuration")
    app.selectbox(key="recipe-tool").set_value("peft").run()
    assert not app.exception
    assert [item.value[:1] for item in app.code[1:]] == ["{", "{", "R"]
    assert "peft.zip" in app.get("download_button")[-1].proto.label
    rendered = Rendered("peft", {"a.json": "{}", "NOTES.txt": "é"}, ())
    with zipfile.ZipFile(io.BytesIO(pack(rendered))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == dict(rendered.files)
    assert pack(rendered) == pack(rendered)


def test_every_number_of_a_decision_explains_itself(open_page: OpenPage) -> None:
    metrics = open_page("mixed", "Best configuration").metric

    assert len(metrics) >= 4
    assert all("docs/statistics/ranking.md" in metric.help for metric in metrics[:4])
