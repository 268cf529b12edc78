"""When a written answer is right: rules by name.

A rule gets what the model wrote and the right answer. Add one with `register`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Final, cast

import regex

from analysis.strict_yaml.explain import nearest
from runner.data.skill_tasks import AnswerKind
from runner.data.skills import SkillTask
from runner.errors import ConfigError
from runner.evaluation.catalogue.identity import EXACT

SECONDS_PER_MATCH: Final = 1.0
"""Beyond this a pattern is given up: some take exponentially long, and what a model writes is anybody's guess."""
MAX_PATTERN: Final = 1_000  # characters; our choice
MAX_REPEATS: Final = 100_000
"""Product of all counts such as `{3}`: repeats in repeats are unrolled; four levels of `{1000}` take gigabytes."""
_COUNT: Final = regex.compile(r"\{\s*[\d\s,]+\}")
# A sign right after a letter or digit is a hyphen or an operation.
_NUMBER: Final = regex.compile(
    r"(?:(?<!\w)[-+−])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?|(?:(?<!\w)[-+−])?\.\d+"
)
_FENCED: Final = regex.compile(r"```(?:json)?\s*\n(.*?)```", regex.DOTALL | regex.IGNORECASE)


class Undecided(Exception):
    """A rule could not tell whether an answer is right; the item has no score."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named way to check answers.

    Attributes:
        name: As in a benchmark's `rule`.
        meaning: When an answer is right, in one sentence.
        check: Takes what was written and the right answer; raises `Undecided` where it cannot tell.
        problem: Why something cannot be a right answer for this rule; empty where it can.
    """

    name: str
    meaning: str
    check: Callable[[str, str], bool]
    problem: Callable[[str], str] = lambda _answer: ""


_RULES: dict[str, Rule] = {}


def register(rule: Rule) -> None:
    """Adds a rule.

    Raises:
        ConfigError: there is one of that name.
    """
    if rule.name in _RULES:
        raise ConfigError(f"there is a rule {rule.name!r} already; choose another name")
    _RULES[rule.name] = rule


def rule_names() -> tuple[str, ...]:
    """Returns the names of all rules, sorted."""
    return tuple(sorted(_RULES))


def find_rule(name: str) -> Rule:
    """Returns a rule.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in _RULES:
        raise ConfigError(f"unknown rule {name!r}; {nearest(name, _RULES)}")
    return _RULES[name]


def _same_text(written: str, answer: str) -> bool:
    return written.strip() == answer.strip()


def last_number(text: str) -> Decimal | None:
    """Returns the last number in a text; commas between thousands are dropped.

    >>> last_number("12 + 1,030 = 1,042.50.")
    Decimal('1042.50')
    """
    found = _NUMBER.findall(text)
    return _decimal(found[-1]) if found else None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "").replace("−", "-"))
    except InvalidOperation:
        return None


def _same_number(written: str, answer: str) -> bool:
    number = last_number(written)
    return number is not None and number == last_number(answer)


def _number_problem(answer: str) -> str:
    return "" if _NUMBER.fullmatch(answer.strip()) else f"the answer must be a number, got {answer[:40]!r}"


def _same_json(written: str, answer: str) -> bool:
    fenced = _FENCED.search(written)
    try:
        return _canonical(fenced.group(1) if fenced else written) == _canonical(answer)
    except (ValueError, RecursionError):
        return False


def _canonical(text: str) -> str:
    # Dumped, because Python finds True == 1; key order is of no importance.
    return json.dumps(json.loads(text), sort_keys=True)


def _json_problem(answer: str) -> str:
    try:
        _canonical(answer)
    except (ValueError, RecursionError):
        return f"the answer must be JSON, got {answer[:40]!r}"
    return ""


def _contains(written: str, answer: str) -> bool:
    wanted, found = (" ".join(text.casefold().split()) for text in (answer, written))
    return bool(regex.search(rf"(?<!\w){regex.escape(wanted, literal_spaces=True)}(?!\w)", found))


def _matches(written: str, pattern: str) -> bool:
    try:
        return regex.search(pattern, written, timeout=SECONDS_PER_MATCH, concurrent=False) is not None
    except TimeoutError as error:
        raise Undecided(
            f"the pattern {pattern[:60]!r} needs more than {SECONDS_PER_MATCH:g} s for one answer"
        ) from error


def _pattern_problem(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        return f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN} are allowed"
    counts = (max(map(int, regex.findall(r"\d+", count)), default=1) for count in _COUNT.findall(pattern))
    if prod(max(1, count) for count in counts) > MAX_REPEATS:
        return f"the counts in braces of the pattern {pattern[:40]!r} multiply to more than {MAX_REPEATS}"
    try:
        regex.compile(pattern)
    except regex.error as error:
        return f"the pattern {pattern[:40]!r} cannot be read ({error})"
    return ""


def _skill(written: str, answer: str) -> bool:
    kind, _, right = answer.partition(":")
    return SkillTask("", "", right, cast(AnswerKind, kind)).check(written)


for _rule in (
    Rule(EXACT, "the same text, white space around it aside", _same_text),
    Rule("number", "its last number has the answer's value", _same_number, _number_problem),
    Rule("json", "JSON of the same content, the first fenced block where there is one", _same_json, _json_problem),
    Rule("contains", "the answer occurs in it as whole words, upper or lower case", _contains),
    Rule("regex", "the answer, a regular expression, matches somewhere in it", _matches, _pattern_problem),
    Rule("skill", "the check of Ucurve's skill tasks; the answer is KIND:TEXT", _skill),
):
    register(_rule)
