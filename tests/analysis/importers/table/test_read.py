from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.table import read_table
from analysis.importers.table.bounded_lines import MAX_LINE_BYTES
from tests.analysis.importers.table.importing import write, write_rows


def test_quotes_blank_lines_and_line_breaks_in_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'lr,note\n\n1e-4,"a, ""b""\nc"\n2e-4,d\n')
    table = read_table(path)
    assert table.rows == [["1e-4", 'a, "b"\nc'], ["2e-4", "d"]]
    assert table.lines == [3, 5]
    assert table.problems == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_line_says_what_separates(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "t.csv", f'lr{delimiter}"a,;b"\n1{delimiter}2\n')
    assert read_table(path).headers == ("lr", "a,;b")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_wins(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("lr,größe\n1,é\n".encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert (table.headers, table.rows) == (("lr", "größe"), [["1", "é"]])


def test_another_encoding_is_named_and_a_wrong_one_costs_only_its_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"lr,note\n1,good\n2,b\xe9d\n3,good\n")
    table = read_table(tmp_path / "t.csv")
    assert [row[0] for row in table.rows] == ["1", "3"]
    assert (table.problems[0].line, table.n_rows) == (3, 3)
    assert "UTF-8" in table.problems[0].reason
    assert read_table(tmp_path / "t.csv", encoding="latin-1").rows[1] == ["2", "béd"]


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "rot13", "a\0b"])
def test_an_encoding_that_is_none_of_text_is_refused(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "t.csv", "a\n1\n")
    with pytest.raises(ConfigError, match="there is no encoding"):
        read_table(path, encoding=encoding)


def test_ragged_rows_are_listed_with_their_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "a,b\n1,2\n1\n1,2,3\n4,5\n"))
    assert [problem.line for problem in table.problems] == [3, 4]
    assert "it has 3 cells where the header has 2" in table.problems[1].reason
    assert len(table.rows) == 2


def test_an_open_quote_costs_its_row_and_not_the_file(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", 'a,b\n1,"2\n' + "3,4\n" * 60_000))
    assert "quote" in table.problems[0].reason
    assert len(table.rows) > 20_000


def test_a_huge_cell_costs_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n1,2\n")
        for _ in range(3):
            file.write(b"x" * MAX_LINE_BYTES)
        file.write(b",1\n3,4\n")
    table = read_table(path)
    assert table.rows == [["1", "2"], ["3", "4"]]
    assert [problem.line for problem in table.problems] == [3]
    assert "16 MB" in table.problems[0].reason


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b,a\n1,2,3\n", "'a' stands over columns 1 and 3"),
        ("t.csv", b",,\n1,2,3\n", "must hold the headers"),
        ("t.csv", b"\xff\xfa,b\n", "no text in this encoding"),
        ("t.xlsx", b"PK", "must end in one of .csv"),
        ("t.jsonl", b"[1]\nnot json\n", "no line of it is a JSON object"),
        ("t.parquet", b"PAR1garbage", "no readable Parquet"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words) as error:
        read_table(tmp_path / name)
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.csv: it cannot be read"):
        read_table(tmp_path / "gone.csv")


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "t.csv", "lr,loss\n")).n_rows == 0


def test_json_lines_are_flattened_and_bad_ones_listed(tmp_path: Path) -> None:
    lines = ['{"a": {"b": 1}, "c": [1, 2]}', "nope", "[1]", '{"a": 1, "a": 2}', "[" * 100_000, '{"c": "\\ud800"}', ""]
    table = read_table(write(tmp_path / "t.jsonl", "\n".join([*lines, '{"d": NaN, "big": 1' + "0" * 400 + "}"])))
    assert table.headers == ("a.b", "c", "d", "big")
    assert table.rows[0] == [1, [1, 2], None, None]
    assert [problem.line for problem in table.problems] == [2, 3, 4, 5, 6]
    assert table.lines == [1, 8]


def test_parquet_structs_are_flattened(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.parquet", [{"opt": {"lr": 1e-4}, "n": 3}, {"opt": None, "n": None}])
    table = read_table(path)
    assert table.headers == ("opt.lr", "n")
    assert table.rows == [[1e-4, 3], [None, None]]


def test_a_damaged_parquet_file_is_explained(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.parquet", [{"lr": float(i), "x": json.dumps(i)} for i in range(2000)])
    whole = bytearray(path.read_bytes())
    whole[8 : len(whole) // 2] = b"\xff" * (len(whole) // 2 - 8)
    path.write_bytes(bytes(whole))
    with pytest.raises(ConfigError, match="no readable Parquet"):
        read_table(path)


def test_secrets_stay_outside_and_ids_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "known-t0-this-pr0cess")
    ids = ["ab12" * 10, "cd34" * 10]
    file = tmp_path / "runs.csv"
    file.write_text(
        "run,key,api_key,tracker,command,eval_loss\n"
        f"{ids[0]},{ids[0]},tiny,https://ada:passw0rd1@tracker.example/x,train --api-key c4nary --lr 1e-3,2.5\n"
        f"{ids[1]},{ids[1]},,none,train known-t0-this-pr0cess,2.25\n"
    )

    assert [list(row) for row in read_table(file).rows] == [
        [
            ids[0],
            ids[0],
            "[redacted]",
            "https://ada:[redacted]@tracker.example/x",
            "train --api-key [redacted] --lr 1e-3",
            "2.5",
        ],
        [ids[1], ids[1], "", "none", "train [redacted]", "2.25"],
    ]
