import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.data import Dataset, Message, load_dataset
from runner.data.rows import parse_json
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

CHAT = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
PAIR = {"prompt": "2+2?", "completion": "4"}
ALPACA = {"instruction": "Add.", "input": "2, 2", "output": "4"}
TEXT = {"text": "Two and two are four."}


Fields = Mapping[str, object]


def write_rows(path: Path, rows: Sequence[Fields]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def numbered(row: Fields, n_rows: int = 8) -> list[Fields]:
    """Copies of a row, each with its own number in place of the first 2 (or Two)."""
    text = json.dumps(row, ensure_ascii=False)
    copies = [text.replace("2", str(number), 1).replace("Two", str(number)) for number in range(10, 10 + n_rows)]
    return [json.loads(copy) for copy in copies]


def load(path: Path, **options: object) -> Dataset:
    return load_dataset(DatasetSection.model_validate({"path": path, "held_out": 2, **options}))


def failure(path: Path, **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, **options)
    return str(caught.value).replace(str(path), path.name)


@pytest.mark.parametrize(
    ("row", "name", "kind"),
    [
        (CHAT, "messages", "chat"),
        (PAIR, "prompt_completion", "chat"),
        (ALPACA, "alpaca", "chat"),
        (TEXT, "text", "text"),
    ],
)
def test_formats_are_detected_and_the_reason_is_told(tmp_path: Path, row: Fields, name: str, kind: str) -> None:
    path = write_rows(tmp_path / "rows.jsonl", numbered(row))
    dataset = load(path)
    assert dataset.kind == kind
    assert (len(dataset.train), len(dataset.held_out)) == (6, 2)
    assert dataset.notes[0].startswith(f"{path}: format {name}, because the first row has ")
    forced = load(path, format=name)
    assert forced.digest == dataset.digest
    assert forced.notes == (f"{path}: format {name}, as the sweep file says",)


def test_rows_become_prompts_and_completions(tmp_path: Path) -> None:
    [chat, *_] = load(write_rows(tmp_path / "a.jsonl", numbered(CHAT, 3))).train
    assert [message.role for message in chat.messages] == ["user", "assistant"]
    assert chat.completion == "4"
    [alpaca, *_] = load(write_rows(tmp_path / "b.jsonl", numbered(ALPACA, 3))).train
    assert alpaca.prompt[0].content.startswith("Add.\n\n1")
    [text, *_] = load(write_rows(tmp_path / "c.jsonl", numbered(TEXT, 3))).train
    assert (text.prompt, text.messages) == ((), ())


def test_a_prompt_may_be_a_conversation(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Short."}, {"role": "user", "content": "2+2?"}]
    row = {"prompt": turns, "completion": [{"role": "assistant", "content": "4"}]}
    [example, *_] = load(write_rows(tmp_path / "a.jsonl", numbered(row, 3))).train
    assert example.prompt[0] == Message("system", "Short.")
    assert example.completion == "4"


def test_json_parquet_and_text_files_hold_the_same_examples(tmp_path: Path) -> None:
    rows = numbered(TEXT)
    expected = load(write_rows(tmp_path / "rows.jsonl", rows)).digest
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    pq.write_table(pa.Table.from_pylist([{**row, "other": 1} for row in rows]), tmp_path / "rows.parquet")
    (tmp_path / "rows.txt").write_text("\n\n\n".join(str(row["text"]) for row in rows) + "\n")
    for suffix in ("json", "parquet", "txt"):
        assert load(tmp_path / f"rows.{suffix}").digest == expected


def test_messages_come_out_of_parquet_as_well(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(numbered(CHAT)), tmp_path / "rows.parquet")
    assert load(tmp_path / "rows.parquet").digest == load(write_rows(tmp_path / "rows.jsonl", numbered(CHAT))).digest


def test_other_column_names(tmp_path: Path) -> None:
    rows = [{"question": f"{number}?", "reply": "4"} for number in range(5)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    assert failure(path) == (
        "rows.jsonl: no format fits the columns question, reply (messages has messages; "
        "prompt_completion has prompt and completion; alpaca has instruction and output; text has text); "
        "rename them, or name them under dataset: prompt_column, completion_column, messages_column, text_column"
    )
    assert load(path, prompt_column="question", completion_column="reply").train[0].completion == "4"


def test_bad_rows_are_listed_with_line_and_reason(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", numbered(CHAT, 2))
    with path.open("a") as file:
        file.write('{"messages": [\n\n')
        file.write('{"messages": "hello"}\n{"messages": []}\n{"other": 1}\n')
        file.write('{"messages": [{"role": "user", "content": "x"}]}\n')
        file.write('{"messages": [{"role": "bot", "content": "x"}]}\n{"messages": [3]}\n')
    assert failure(path) == (
        "rows.jsonl: 7 of 9 rows cannot be read as messages; correct or remove them:\n"
        "  line 3: not JSON: Expecting value at character 15\n"
        "  line 5: must be a list of messages, got str\n"
        "  line 6: there are no messages; an assistant's answer must come last\n"
        "  line 7: has no messages\n"
        "  line 8: the last message is from user; an assistant's answer must come last\n"
        "  ... and 2 more"
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"prompt": "a", "completion": ""}', "completion is empty"),
        ('{"prompt": 3, "completion": "b"}', "prompt must be text, got int"),
        ('{"prompt": null, "completion": "b"}', "has no prompt"),
        ('{"prompt": [], "completion": "b"}', "there is no user message before the answer"),
        ('{"prompt": "a", "completion": [{"role": "user"}]}', "message 1 must have text as its content, got NoneType"),
        ('{"prompt": "a", "completion": []}', "completion must be text or one assistant message"),
        ('{"prompt": "a", "completion": "b", "prompt": "c"}', "a key appears twice"),
        ('{"prompt": "a", "completion": NaN}', "NaN is not JSON"),
        ('{"prompt": "a", "completion": "\\ud800"}', "holds half a character (a lone surrogate)"),
        ('["prompt"]', "must be an object with named fields, got list"),
        ("[" * 100_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_row(tmp_path: Path, row: str, reason: str) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [PAIR])
    with path.open("a") as file:
        file.write(row)
    assert failure(path).endswith(f"\n  line 2: {reason}")


NO_ROW = "no row can be read; the first is line 1: not JSON: Expecting property name enclosed in double quotes"
NO_LIST = "write a list of objects, or one object a line as .jsonl"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.jsonl", None, "no such file; dataset paths start at the folder of the sweep file"),
        ("a.csv", b"a", "cannot tell the format from the suffix '.csv'; use .jsonl, .ndjson, .json, .parquet, .txt"),
        ("a.jsonl", b"", "holds no examples; add some"),
        ("a.jsonl", b"\xff\xfe", "not UTF-8 text (byte 0); save it as UTF-8"),
        ("a.jsonl", b"{", f"{NO_ROW} at character 2"),
        ("a.json", b"{}", "must hold a list of objects, got dict; wrap them in [ ]"),
        ("a.json", b"[1", f"not JSON: Expecting ',' delimiter at character 3; {NO_LIST}"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert failure(path) == f"{name}: {message}"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"garbage", b"PAR1" + b"\x00" * 20 + b"\xff\xff\xff\x7fPAR1"])
def test_a_broken_parquet_file_is_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    assert failure(path).startswith("rows.parquet: not a readable Parquet file (")


def test_a_parquet_file_without_the_columns_names_its_own(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "rows.parquet")
    assert failure(tmp_path / "rows.parquet").endswith("; its columns are a, b")


def test_a_parquet_bomb_is_refused_by_its_row_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.data.rows.MAX_PARQUET_ROWS", 5)
    pq.write_table(pa.Table.from_pylist(numbered(TEXT)), tmp_path / "rows.parquet")
    assert failure(tmp_path / "rows.parquet").startswith("rows.parquet: more than 5 rows or 2000 columns")


def test_an_unescaped_line_separator_does_not_break_a_row(tmp_path: Path) -> None:
    rows = numbered({"text": "Two\u2028lines"}, 4)
    path = tmp_path / "rows.jsonl"
    path.write_text("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows), newline="")
    assert "\u2028" in load(path).train[0].completion


JSON_BITS = st.sampled_from(
    ["{", "}", "[", "]", '"', ":", ",", "1", "NaN", "1e999", "\\ud800", "text", "messages", "null", " "]
)


@given(st.text() | st.lists(JSON_BITS, max_size=20).map("".join))
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_json(text)
