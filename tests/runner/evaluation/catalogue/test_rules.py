import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError
from runner.evaluation.catalogue.rules import Rule, Undecided, find_rule, register, rule_names


@pytest.mark.parametrize(
    ("rule", "written", "answer", "right"),
    [
        ("exact", " Paris\n", "Paris", True),
        ("exact", "paris", "Paris", False),
        ("exact", "Paris.", "Paris", False),
        ("number", "So the answer is 1,200.0 metres.", "1200", True),
        ("number", "12 - 5 = 7", "7", True),
        ("number", "12-5", "5", True),
        ("number", "= -7", "-7", True),
        ("number", "about −7", "-7", True),
        ("number", ".5", "0.5", True),
        ("number", "5e-1", "0.5", True),
        ("number", "1,20", "20", True),
        ("number", "1,2,3", "123", False),
        ("number", "7 or 8", "7", False),
        ("number", "seven", "7", False),
        ("number", "", "7", False),
        ("number", "nan", "7", False),
        ("json", '{"b": 1, "a": [true]}', '{"a": [true], "b": 1}', True),
        ("json", 'Here:\n```json\n{"a": 1}\n```\nDone.', '{"a": 1}', True),
        ("json", '{"a": 1.0}', '{"a": 1}', False),
        ("json", '{"a": true}', '{"a": 1}', False),
        ("json", '{"a": 1', '{"a": 1}', False),
        ("json", "[" * 100_000, "[]", False),
        ("contains", "It is the  EIFFEL tower!", "Eiffel Tower", True),
        ("contains", "not a nothing", "no", False),
        ("contains", "C++ it is", "c++", True),
        ("contains", "a+b (c)", "a.b", False),
        ("regex", "on 2024-02-30", r"\d{4}-\d\d", True),
        ("regex", "none", r"^\d", False),
        ("skill", "1200.0.", "number:1200", True),
        ("skill", "a, b", "text:a, b", True),
        ("skill", "b: a", "text:b: a", True),
        ("skill", '{"b":1,"a":2}', 'json:{"a": 2, "b": 1}', True),
        ("skill", "1200 metres", "number:1200", False),
    ],
)
def test_which_answers_are_right(rule: str, written: str, answer: str, right: bool) -> None:
    assert find_rule(rule).check(written, answer) is right


@given(st.sampled_from(["exact", "number", "json", "contains", "regex", "skill"]), st.text())
def test_a_rule_survives_whatever_a_model_writes(name: str, written: str) -> None:
    answer = {"number": "7", "json": "{}", "skill": "json:{}"}.get(name, "seven")
    assert find_rule(name).check(written, answer) in (True, False)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "The answer is {}.", "{} kg", "= {}\n", "${:,}"]))
def test_a_number_is_found_in_a_sentence(number: int, sentence: str) -> None:
    assert find_rule("number").check(sentence.format(number), str(number))
    assert not find_rule("number").check(sentence.format(number), str(number + 1))


def test_a_pattern_that_takes_forever_is_given_up_and_not_called_wrong() -> None:
    started = time.monotonic()
    with pytest.raises(Undecided, match=r"the pattern '.*' needs more than 1 s"):
        find_rule("regex").check("a" * 40 + "!", "^(a|aa)+$")
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("rule", "answer", "problem"),
    [
        ("number", "seven", "the answer must be a number, got 'seven'"),
        ("number", "7 kg", "the answer must be a number"),
        ("json", "{a: 1}", "the answer must be JSON"),
        ("regex", "(", "cannot be read"),
        ("regex", "a" * 1001, "1001 characters"),
        ("regex", "(((a{1000}){1000}){1000}){1000}", "the counts in braces"),
        ("regex", "(a{1,400}){,300}", "the counts in braces"),
        ("regex", r"\d{4}-\d{2}-\d{2}|[a-z]{,100}@[a-z]{2,}", ""),
        ("number", "-1,200.5e3", ""),
        ("exact", "anything", ""),
    ],
)
def test_what_can_be_a_right_answer(rule: str, answer: str, problem: str) -> None:
    found = find_rule(rule).problem(answer)
    assert problem in found
    assert bool(problem) == bool(found)


def test_rules_can_be_added_once_and_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.evaluation.catalogue.rules._RULES", {})
    register(Rule("shorter", "it is shorter", lambda written, answer: len(written) < len(answer)))
    assert find_rule("shorter").check("a", "bb")
    with pytest.raises(ConfigError, match="a rule 'shorter' already"):
        register(Rule("shorter", "", lambda _written, _answer: True))


def test_an_unknown_rule_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown rule 'numbers'; did you mean 'number'"):
        find_rule("numbers")
    assert rule_names() == ("contains", "exact", "json", "number", "regex", "skill")
