from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.errors import ConfigError
from analysis.importers.table import TableMap, guess_map, read_table
from analysis.importers.table.child import Request, ask_child
from analysis.store import Store
from pages._import_map import form_rows, map_from_form
from tests.pages.conftest import OpenPage, shown_text

GOOD = "lr,batch_size,val_loss,wall_time_min,note\n1e-4,8,2.5,3,*a*\n2e-4,8,2.4,4,=1+1\n4e-4,8,nan,4,<b>\n"
BROKEN = GOOD + "8e-4,8,oops,4,x\n1,2\n"


def _upload(app: AppTest, text: str | bytes, name: str = "runs.csv") -> AppTest:
    content = text.encode() if isinstance(text, str) else text
    app.file_uploader(key="import-file").set_value((name, content, "text/csv"))
    return app.run()


@pytest.mark.parametrize("state", ["missing", "empty", "one_run", "all_diverged", "mixed"])
def test_the_page_asks_for_a_file_whatever_the_store_holds(open_page: OpenPage, state: str) -> None:
    app = open_page(state, "Import")
    assert not app.exception
    assert app.title[0].value == "Import"
    assert "20 MB" in app.file_uploader(key="import-file").label
    assert not [button for button in app.button if str(button.key).startswith("import")]


def test_a_table_is_mapped_previewed_and_imported(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    app = _upload(open_page("new", "Import"), GOOD)
    assert not app.exception
    text = shown_text(app)
    assert "learning_rate: lr" in text
    assert "wall_s: 60.0" in text
    assert "**3 runs**: 3 new" in text
    assert not (tmp_path / "new").exists()

    app.button(key="import-now").click().run()
    assert not app.exception
    assert "Complete" in app.success[0].value
    results = Store.open(tmp_path / "new").snapshot().results("eval_loss")
    assert sorted(results["learning_rate"]) == [1e-4, 2e-4, 4e-4]
    assert list(results["n_nonfinite"]) != [0, 0, 0]

    app.run()
    assert "has all of this" in app.success[-1].value
    assert not [button for button in app.button if button.key == "import-now"]


def test_rows_that_cannot_be_read_are_listed_and_the_rest_is_imported(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    app = _upload(open_page("new", "Import"), BROKEN)
    assert not app.exception
    assert "2 rows cannot be imported" in shown_text(app)
    problems = next(frame.value for frame in app.dataframe if "reason" in frame.value.columns)
    assert list(problems["line"]) == [5, 6]
    app.button(key="import-now").click().run()
    assert "**Partial.** Imported 3 of 5 rows" in "".join(warning.value for warning in app.warning)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty"),
        ("twice.csv", b"lr,lr\n1,2\n", "stands over columns 1 and 2"),
        ("broken.parquet", b"PAR1 no", "no readable Parquet"),
        ("text.jsonl", b"hello\n", "JSON object"),
        ("header.csv", b"lr,val_loss\n", "Nothing can be imported"),
    ],
)
def test_a_file_that_is_no_table_is_explained(open_page: OpenPage, name: str, content: bytes, words: str) -> None:
    app = _upload(open_page("empty", "Import"), content, name)
    assert not app.exception
    assert words.split()[0] in app.error[0].value.replace("\\", "")
    assert not [button for button in app.button if button.key == "import-now"]


def test_a_reader_that_runs_out_of_its_limits_ends_alone(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_text("lr,val_loss\n" + "1e-4,2.5\n" * 300_000)
    with pytest.raises(ConfigError, match="took more than"):
        ask_child(Request(file=str(path), name="big.csv", store=str(tmp_path / "s")), seconds=1)


def test_the_form_says_what_the_map_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("lr,rank,val_acc,MMLU,wall_time_min,v0,v1,v2,v3,v4,id,note\n1,2,3,55,5,6,7,8,9,1,a,b\n")
    table = read_table(path)
    guessed = guess_map(table)
    rows = form_rows(guessed, [{"column": header, "found": ""} for header in table.headers])
    assert map_from_form(rows, guessed) == guessed
    roles = {row["column"]: (row["role"], row["name"], row["factor"]) for row in rows}
    assert roles["wall_time_min"] == ("field", "wall_s", 60.0)
    assert roles["MMLU"] == ("benchmark", "MMLU", 0.01)
    assert roles["v3"][0] == "curve"
    assert roles["note"] == ("configuration", None, None)


def _row(column: str, role: str, name: str | None = None, factor: float | None = None) -> dict[str, object]:
    return {"column": column, "role": role, "name": name, "factor": factor}


def test_the_form_makes_a_map() -> None:
    rows = [_row("a", "field", "learning_rate"), _row("b", "metric", "eval_loss", 0.5), _row("c", "ignore"),
            _row("d", "step"), _row("e", "field", "run_id"), _row("f", "field", "run_id")]  # fmt: skip
    assert map_from_form(rows, TableMap()) == TableMap(
        fields={"learning_rate": "a", "run_id": ["e", "f"]}, metrics={"eval_loss": "b"}, scale={"eval_loss": 0.5},
        ignore=["c"], step="d",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([_row("a", "field")], "say which under name"),
        ([_row("a", "field", "lr")], "learning_rate"),
        ([_row("a", "metric", "x"), _row("b", "metric", "x")], "both metric x"),
        ([_row("a", "step"), _row("b", "step")], "both step"),
        ([_row("a", "metric_name")], "go together"),
    ],
)
def test_a_form_that_contradicts_itself_is_explained(rows: list[dict[str, object]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        map_from_form(rows, TableMap())
