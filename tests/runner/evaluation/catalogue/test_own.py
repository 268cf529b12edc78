import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.data.examples import Message
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue import (
    describe_excluded,
    load_benchmarks,
    plan_requests,
    read_own_benchmark,
    score_answers,
)
from runner.evaluation.catalogue.own_items import BadItem, read_item
from tests.runner.evaluation.catalogue.fakes import ByteTokenizer, KnownEngine

EXAMPLES = Path(__file__).parents[4] / "examples" / "benchmarks"
GOOD = {"prompt": "2 + 2 =", "choices": ["3", "4"], "gold": 1}


def write(folder: Path, *lines: object, name: str = "mine.jsonl") -> Path:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def read(folder: Path, *lines: object) -> Benchmark:
    return read_own_benchmark(write(folder, *lines))


def reasons(benchmark: Benchmark) -> dict[str, str]:
    return {one.place: one.reason for one in benchmark.excluded}


def test_the_choice_example_reads_and_scores() -> None:
    benchmark = read_own_benchmark(EXAMPLES / "capitals.jsonl")
    assert (benchmark.name, benchmark.form, len(benchmark.items), benchmark.excluded) == ("capitals", "choice", 8, ())
    assert [item.choices[item.gold] for item in benchmark.items] == [
        *("Paris", "Canberra", "Ottawa", "Tokyo", "Brasília", "Bern", "Nairobi", "Ankara")
    ]
    assert benchmark.chance_level == 0.25
    plan = plan_requests(benchmark, ByteTokenizer(), 500)
    engine = KnownEngine(lambda _slot, _context, continuation: -float("i" not in continuation))
    acc, *_ = score_answers(plan, engine.log_likelihoods(plan.requests), 0)
    # The first choice with an i, or the first of all: Paris, Brasília and Nairobi are right, the others wrong.
    assert acc.value == 3 / 8


def test_the_generation_example_reads_and_scores() -> None:
    benchmark = read_own_benchmark(EXAMPLES / "shop-sums.jsonl")
    assert (benchmark.form, benchmark.rule, len(benchmark.items), benchmark.excluded) == ("generation", "number", 6, ())
    assert [item.answer for item in benchmark.items] == ["6", "7.5", "90", "12", "1,080", "4"]
    plan = plan_requests(benchmark, ByteTokenizer(), 500)
    assert plan.decoding is not None
    writer = KnownEngine(writer=lambda _slot, prompt: "It is 1080 euros." if "bike" in prompt else "12 rolls")
    [score] = score_answers(plan, writer.generate(plan.prompts, plan.decoding), 0)
    assert (score.metric, score.value) == ("correct", 2 / 6)


def test_a_text_benchmark_reads(tmp_path: Path) -> None:
    benchmark = read(tmp_path, {"text": "Once upon a time"}, {"text": "more", "prompt": "Say"}, {"text": " "})
    assert (benchmark.form, len(benchmark.items), benchmark.chance_level) == ("text", 2, None)
    assert benchmark.items[0].prompt == ""
    assert reasons(benchmark) == {"line 3": "text is empty"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"prompt": "x', "not JSON: Unterminated string starting at at character 12"),
        ('{"prompt": "x", "choices": ["a", "b"], "gold": NaN}', "NaN is not JSON"),
        ('{"prompt": "x", "prompt": "y", "choices": ["a", "b"], "gold": 0}', "a key appears twice"),
        ("[1, 2]", "must be an object with named fields, got list"),
        ("\ufeff" + json.dumps(GOOD), "not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at character 1"),
        ({**GOOD, "choices": []}, "has no choices; 2 to 26 are possible"),
        ({**GOOD, "choices": ["4"]}, "has 1 choices; 2 to 26 are possible"),
        ({**GOOD, "choices": [str(one) for one in range(27)]}, "has 27 choices; 2 to 26 are possible"),
        ({"prompt": "x", "gold": 0}, "choices must be a list of texts, got nothing"),
        ({**GOOD, "choices": "3, 4"}, "choices must be a list of texts, got text"),
        ({**GOOD, "choices": ["3", 4]}, "choice 2 must be text, got a number"),
        ({**GOOD, "choices": ["3", " "]}, "choice 2 is empty"),
        ({**GOOD, "choices": ["3", "4", "4 "]}, "choices 2 and 3 are the same"),
        ({**GOOD, "gold": 2}, "gold 2 is out of range; the last of 2 choices is 1, or B"),
        ({**GOOD, "gold": -1}, "gold -1 is out of range; the last of 2 choices is 1, or B"),
        ({**GOOD, "gold": "C\nD" * 100}, r"gold 'C\nDC\nDC\nDC\nDC\nDC\nDC\nDC\nDC\nD... is neither"),
        ('{"prompt": "x", "choices": ["a", "b"], "gold": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ("[" * 100_000, "nested too deeply"),
        ({**GOOD, "gold": "C"}, "gold 'C' is neither a choice's text nor a letter up to the last, 1, or B"),
        (
            {**GOOD, "gold": 1.0},
            "gold must be the right choice's number from 0 on, its letter or its text, got a number",
        ),
        (
            {**GOOD, "gold": True},
            "gold must be the right choice's number from 0 on, its letter or its text, got true or",
        ),
        ({"prompt": "x", "choices": ["a", "b"]}, "gold must be the right choice's number from 0 on"),
        (
            {"prompt": "x", "choices": ["B", "C"], "gold": "B"},
            "gold 'B' may be a letter or the text of a choice; write",
        ),
        ({**GOOD, "prompt": ""}, "prompt is empty"),
        ({**GOOD, "prompt": None}, "has no prompt"),
        ({**GOOD, "prompt": 7}, "prompt must be text, got a number"),
        ({**GOOD, "prompt": []}, "the prompt's last message must be from user"),
        ({**GOOD, "prompt": [{"role": "assistant", "content": "x"}]}, "the prompt's last message must be from user"),
        (
            {**GOOD, "prompt": [{"role": "human", "content": "x"}]},
            "message 1 of the prompt must have content and a role",
        ),
        ({**GOOD, "prompt": [{"role": "user", "content": ""}]}, "message 1 of the prompt is empty"),
        ({**GOOD, "prompt": "x" * 100_000}, "prompt has 100000 bytes; at most 65536 are possible"),
        ({**GOOD, "prompt": [{"role": "user", "content": "é" * 20_000}] * 2}, "prompt has 80000 bytes; at most 65536"),
        ({**GOOD, "choices": ["a" * 40_000, "b" * 40_000]}, "choices has 80000 bytes; at most 65536 are possible"),
        ('{"prompt": "\\ud800", "choices": ["a", "b"], "gold": 0}', "prompt holds half a character"),
        ({**GOOD, "family": 3}, "family must be text, got a number"),
    ],
)
def test_bad_items_are_listed_with_line_and_reason_and_left_out(tmp_path: Path, line: object, reason: str) -> None:
    benchmark = read(tmp_path, GOOD, line, {**GOOD, "prompt": "1 + 3 ="})
    assert len(benchmark.items) == 2
    assert list(reasons(benchmark)) == ["line 2"]
    assert reason in reasons(benchmark)["line 2"]
    assert reasons(benchmark)["line 2"].count("\n") == 0
    assert next(describe_excluded(benchmark)).startswith("mine: line 2 is left out: ")


@pytest.mark.parametrize("gold", [1, "B", "4", " 4 "])
def test_the_right_choice_may_be_given_as_number_letter_or_text(tmp_path: Path, gold: object) -> None:
    assert read(tmp_path, {**GOOD, "gold": gold}).items[0].gold == 1


def test_a_letter_that_is_also_its_own_choice_is_no_riddle(tmp_path: Path) -> None:
    benchmark = read(tmp_path, {"prompt": "x", "choices": ["A", "B"], "gold": "B"})
    assert benchmark.items[0].gold == 1


@pytest.mark.parametrize(
    ("rule", "answer", "reason"),
    [
        ("number", "many", "the answer must be a number"),
        ("number", None, "has no answer"),
        ("exact", True, "answer must be text, got true or false"),
        ("exact", ["a"], "answer must be text, got a list"),
        ("json", "{", "the answer must be JSON"),
        ("regex", "(", "cannot be read"),
        ("exact", "x" * 70_000, "answer has 70000 bytes"),
    ],
)
def test_answers_that_the_rule_cannot_use_are_left_out(tmp_path: Path, rule: str, answer: object, reason: str) -> None:
    good = {"number": 7, "json": "{}", "regex": "a|b"}.get(rule, "yes")
    header = {"benchmark": {"rule": rule, "form": "generation"}}
    benchmark = read(tmp_path, header, {"prompt": "x", "answer": good}, {"prompt": "y", "answer": answer})
    assert len(benchmark.items) == 1
    assert reason in reasons(benchmark)["line 3"]


def test_an_infinite_answer_is_none(tmp_path: Path) -> None:
    benchmark = read(tmp_path, {"prompt": "x", "answer": 1}, '{"prompt": "y", "answer": 1e999}')
    assert reasons(benchmark) == {"line 2": "answer must be text, got a number"}


def test_repeated_items_count_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    turned = {**GOOD, "choices": ["4", "3"], "gold": 0}  # the same question with its choices in another order
    wrong = {**GOOD, "prompt": "1 + 1 =", "choices": ["2", "3"], "gold": 0}
    benchmark = read(tmp_path, GOOD, GOOD, turned, wrong, {**wrong, "gold": 1})
    assert len(benchmark.items) == 1
    assert reasons(benchmark) == {
        "line 2": "the same as line 1",
        "line 3": "the same as line 1",
        "line 4": "asks the same as line 5, with another answer",
        "line 5": "asks the same as line 4, with another answer",
    }


def test_the_same_prompt_may_be_asked_with_other_choices(tmp_path: Path) -> None:
    assert len(read(tmp_path, GOOD, {**GOOD, "choices": ["4", "5"], "gold": 0}).items) == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x"], "items need choices and gold, an answer, or a text, but line 1 is not JSON"),
        (['{"prompt": "x"}'], "items need choices and gold, an answer, or a text, but no line has one of them"),
        (
            [{**GOOD, "gold": 7}, "{"],
            r"not one of 2 lines is a good item \(line 1: gold 7 is out of range.*correct the file",
        ),
        ([{"benchmark": {"form": "choice"}}], "holds no items; add some below its first line"),
        ([{"benchmark": {"rules": "number"}}, GOOD], "line 1: unknown setting 'rules'; did you mean 'rule'"),
        (
            [{"benchmark": {"form": "multiple"}}, GOOD],
            "line 1: unknown form 'multiple'; valid are choice, generation, text",
        ),
        ([{"benchmark": {"rule": "number"}}, GOOD], "a rule is for answers that are written, .* form is choice"),
        ([{"benchmark": {"metric": "acc_norm"}}, GOOD], "unknown metric 'acc_norm'; valid are acc, acc_per_byte"),
        (
            [{"benchmark": {"rule": "numbr"}}, {"prompt": "x", "answer": "1"}],
            "unknown rule 'numbr'; did you mean 'number'",
        ),
        ([{"benchmark": "choice"}, GOOD], "line 1: benchmark must be an object"),
        ([{"benchmark": {"source": 3}}, GOOD], "line 1: source must be text, got a number; correct it"),
        ([""], "holds no examples"),
    ],
)
def test_a_file_without_a_benchmark_is_refused_in_one_sentence(
    tmp_path: Path, lines: list[object], message: str
) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(ConfigError, match=message) as caught:
        read_own_benchmark(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_own_benchmark(tmp_path / "nothing.jsonl")
    with pytest.raises(ConfigError, match=r"must be a \.jsonl file"):
        read_own_benchmark(write(tmp_path, GOOD, name="mine.csv"))
    with pytest.raises(ConfigError, match="the file's name is the benchmark's"):
        read_own_benchmark(write(tmp_path, GOOD, name="my file.jsonl"))
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"prompt": "é"}'.encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read_own_benchmark(latin)


def test_a_byte_order_mark_and_other_line_ends_do_not_matter(tmp_path: Path) -> None:
    plain = read(tmp_path, GOOD, {**GOOD, "prompt": "1 + 3 ="})
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n\r\n"))
    assert read_own_benchmark(path) == plain


def test_the_first_line_sets_the_main_metric_but_not_the_digest(tmp_path: Path) -> None:
    plain = read(tmp_path, GOOD)
    by_bytes = read(tmp_path, {"benchmark": {"metric": "acc_per_byte", "source": "mine"}}, {**GOOD, "id": 7})
    assert list(by_bytes.metrics) == ["acc_per_byte", "acc", "acc_per_token", "acc_unconditional"]
    assert by_bytes.digest == plain.digest
    assert (plain.source, by_bytes.source) == ("mine.jsonl", "mine")
    assert read(tmp_path, {**GOOD, "gold": 0}).digest != plain.digest
    assert read(tmp_path, {**GOOD, "prompt": [{"role": "user", "content": "2 + 2 ="}]}).digest != plain.digest


def test_rules_make_other_benchmarks_of_the_same_items(tmp_path: Path) -> None:
    item = {"prompt": "x", "answer": "7"}
    exact, number = (read(tmp_path, {"benchmark": {"rule": rule}}, item) for rule in ("exact", "number"))
    assert exact.digest != number.digest
    assert (list(exact.metrics), list(number.metrics)) == (["exact_match"], ["correct"])


def test_chance_is_the_mean_over_items(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD, {**GOOD, "choices": ["1", "2", "3", "4"]}).chance_level == (1 / 2 + 1 / 4) / 2


def test_own_files_are_loaded_beside_bundled_benchmarks(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", GOOD)
    write(tmp_path, GOOD, name="skills.jsonl")
    names = [one.name for one in load_benchmarks(["skills-json", "mine.jsonl"], tmp_path)]
    assert names == ["skills-json", "mine"]
    with pytest.raises(ConfigError, match="two benchmarks are named 'mine'"):
        load_benchmarks(["mine.jsonl", "other/mine.jsonl"], tmp_path)
    with pytest.raises(ConfigError, match="'skills' is the name of a bundled benchmark"):
        load_benchmarks(["skills.jsonl"], tmp_path)


def test_conversations_become_messages(tmp_path: Path) -> None:
    benchmark = read(tmp_path, {**GOOD, "prompt": [{"role": "user", "content": "2 + 2?"}]})
    assert benchmark.items[0].prompt == (Message("user", "2 + 2?"),)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["prompt", "choices", "gold", "answer", "text", "family", "unconditional"])


@settings(max_examples=300)
@given(st.dictionaries(FIELDS, ANYTHING), st.sampled_from(["choice", "text", "generation"]))
def test_any_line_is_an_item_or_has_a_reason(values: dict[str, object], form: str) -> None:
    try:
        item = read_item(values, form, None)  # type: ignore[arg-type]
    except BadItem as error:
        reason = str(error)
    else:
        reason = "none"
        assert 0 <= item.gold < max(1, len(item.choices))
        assert item.answer or all(choice.strip() for choice in item.choices)
    assert 0 < len(reason.encode()) < 200
    assert "\n" not in reason
