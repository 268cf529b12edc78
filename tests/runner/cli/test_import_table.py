from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.store import Store
from tests.runner.cli.calling import Answer, Caller
from tests.runner.cli.test_docs import _section

GOOD = "lr,val_loss,wall_time_min\n1e-4,2.0,3\n2e-4,1.9,4\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.csv"
    path.write_text(GOOD)
    return path


def _document(answer: Answer) -> Any:  # noqa: ANN401
    return answer.json


def test_import_makes_the_store_and_a_second_import_changes_nothing(
    ucurve: Caller, table: Path, tmp_path: Path
) -> None:
    first = ucurve("import", "table", table, "--store", tmp_path / "store")
    assert first.code == 0
    assert first.out == "2 of 2 rows, 2 runs: 2 new, 0 changed, 0 extended, 0 unchanged.\n"
    assert "guessed" in first.err
    versions = Store.open(tmp_path / "store").snapshot().versions
    again = ucurve("import", "table", table, "--store", tmp_path / "store")
    assert "0 new, 0 changed, 0 extended, 2 unchanged" in again.out
    assert Store.open(tmp_path / "store").snapshot().versions == versions


def test_json_has_the_documented_keys(ucurve: Caller, table: Path, tmp_path: Path) -> None:
    with table.open("a") as file:
        file.write("1\n")
    answer = ucurve("import", "table", table, "--store", tmp_path / "store", "--json")
    assert answer.code == 1
    document = _document(answer)
    assert document["sources"] == [
        {
            "source": "table", "verdict": "partial", "rows_expected": 3, "rows_got": 2, "lost_records": 1,
            "reason": "1 of 3 rows is not in; line 4: it has 1 cells where the header has 3",
        }
    ]  # fmt: skip
    assert document["problems"][0]["line"] == 4
    assert document["n_runs"] == 2
    named = {*document, *document["sources"][0], *document["problems"][0]}
    assert not [key for key in named if f"`{key}`" not in _section("ucurve import table")]


def test_a_dry_run_prints_a_map_that_means_the_same_and_writes_nothing(
    ucurve: Caller, table: Path, tmp_path: Path
) -> None:
    dry = ucurve("import", "table", table, "--store", tmp_path / "store", "--dry-run")
    assert dry.code == 0
    assert not (tmp_path / "store").exists()
    assert "#   wall_time_min: field wall_s | whole numbers (2, 2) | 3, 4" in dry.out
    assert "would import 2 of 2 rows" in dry.out
    (tmp_path / "map.yaml").write_text(dry.out)
    ucurve("import", "table", table, "--store", tmp_path / "store")
    given = ucurve("import", "table", table, "--store", tmp_path / "store", "--map", tmp_path / "map.yaml")
    assert "2 unchanged" in given.out


def test_a_header_cannot_leave_its_comment(ucurve: Caller, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"lr\nmetrics: {x: y}",val_loss\n1,2\n')
    dry = ucurve("import", "table", path, "--store", tmp_path / "store", "--dry-run")
    assert "\nmetrics: {x: y}" not in dry.out
    (tmp_path / "map.yaml").write_text(dry.out)
    assert ucurve("import", "table", path, "--store", tmp_path / "store", "--map", tmp_path / "map.yaml").code == 0


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.csv"], "cannot be read"),
        (["bad.txt"], "Nothing can be imported: the table has no rows"),
        (["sweep.csv", "--map", "gone.yaml"], "gone.yaml"),
        (["sweep.csv", "--source", "Not An Id"], "small letters"),
        (["sweep.csv", "--encoding", "utf-9"], "no encoding"),
        (["sweep.csv", "--map", "map.yaml"], "did you mean 'val_loss'"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(
    ucurve: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.txt").write_text("lr,val_loss\n")
    Path("map.yaml").write_text("metrics: {eval_loss: val_los}\n")
    answer = ucurve("import", "table", *arguments, "--store", "store")
    assert answer.code == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) <= 2


def test_a_folder_that_is_no_store_is_refused(ucurve: Caller, table: Path, tmp_path: Path) -> None:
    assert ucurve("import", "table", table, "--store", tmp_path).code == 2
    assert ucurve("import", "table", table, "--store", tmp_path, "--dry-run").code == 2


def test_a_table_without_results_is_imported_and_says_so(ucurve: Caller, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("lr;val_loss\n1e-4;2,5\n2e-4;2,6\n")
    answer = ucurve("import", "table", path, "--store", tmp_path / "store")
    assert answer.code == 0
    assert "2.5, not 2,5" in answer.err
    path.write_text("lr;val_loss\n1e-4;2.5\n2e-4;2.6\n")
    assert "No column" not in ucurve("import", "table", path, "--store", tmp_path / "other").err
