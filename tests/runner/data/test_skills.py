import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.data import load_dataset
from runner.data.skills import SKILLS, SkillTask, skill_tasks
from runner.spec.dataset import DatasetSection

TASKS = skill_tasks()
RATIOS = {
    ("kilometres", "metres"): (1000, 1), ("metres", "centimetres"): (100, 1), ("kilograms", "grams"): (1000, 1),
    ("litres", "millilitres"): (1000, 1), ("hours", "minutes"): (60, 1), ("minutes", "seconds"): (60, 1),
    ("days", "hours"): (24, 1), ("weeks", "days"): (7, 1), ("inches", "centimetres"): (127, 50),
    ("feet", "inches"): (12, 1), ("yards", "feet"): (3, 1), ("pounds", "ounces"): (16, 1),
}  # fmt: skip


def recompute_arithmetic(question: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    signs = re.findall(r" ([-+*]) ", question)
    total = numbers[0]
    for sign, number in zip(signs, numbers[1:], strict=True):
        total = total + number if sign == "+" else total - number if sign == "-" else sum([total] * number)
    return str(total)


def recompute_units(question: str) -> str:
    match = re.fullmatch(r"Convert (-?[\d.]+) (.+) to (.+)\.", question)
    assert match is not None
    amount, source, target = match.groups()
    if "Celsius" in source:
        return f"{float(amount) * 1.8 + 32:.0f}"
    above, below = RATIOS[source, target]
    whole, _, part = amount.partition(".")
    scaled = int(whole + part) * above * 10_000 // below  # in ten-thousandths, then the decimal point is put back
    result = scaled / 10_000 / 10 ** len(part)
    return f"{result:.6f}".rstrip("0").rstrip(".")


def recompute_sorting(question: str) -> str:
    items = question.partition(": ")[2].rstrip(".").split(", ")
    ordered = sorted(items, key=lambda item: (len(item), item) if item.isdigit() else item)
    return ", ".join(ordered[::-1] if "largest to" in question or "reverse" in question else ordered)


def recompute_json(question: str) -> str:
    instruction, _, text = question.partition(": {")
    record = json.loads("{" + text)
    names = re.findall(r'"(\w+)"', instruction)
    if "set " in instruction:
        record[names[0]] = int(instruction.split()[-1])
    elif "remove" in instruction:
        del record[names[0]]
    else:
        record[names[1]] = record.pop(names[0])
    return json.dumps(record)


def recompute_strings(question: str) -> str:
    quoted = re.findall(r"'([^']*)'", question)
    listed = question.partition(": ")[2].rstrip(".").split(", ")
    answers: dict[str, Callable[[], str]] = {
        "Write the first": lambda: "".join(word[:1] for word in listed),
        "Join": lambda: "-".join(listed),
        "How many times": lambda: str(sum(letter == quoted[0] for letter in quoted[1])),
        "How many letters": lambda: str(len(list(quoted[0]))),
        "What is letter": lambda: quoted[0][int(re.findall(r"\d+", question)[0]) - 1],
        "Replace": lambda: "*".join(quoted[2].split(quoted[0])),
    }
    for start, answer in answers.items():
        if question.startswith(start):
            return answer()
    return "".join(reversed(quoted[0])) if "backwards" in question else "".join(map(str.upper, quoted[0]))


def recompute_dates(question: str) -> str:
    days = [dt.date(*map(int, text.split("-"))) for text in re.findall(r"\d{4}-\d{2}-\d{2}", question)]
    if question.startswith("Which date"):
        return dt.date.fromordinal(days[0].toordinal() + int(question.split()[3])).isoformat()
    if question.startswith("How many"):
        return str(days[1].toordinal() - days[0].toordinal())
    if question.startswith("Which day"):
        return ("Sun", "Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur")[days[0].toordinal() % 7] + "day"
    return f"{days[0].day}/{days[0].month}/{days[0].year}"


RECOMPUTE = {
    "arithmetic": recompute_arithmetic, "units": recompute_units, "sorting": recompute_sorting,
    "json": recompute_json, "strings": recompute_strings, "dates": recompute_dates,
}  # fmt: skip


@pytest.mark.parametrize("skill", SKILLS)
def test_every_answer_agrees_with_an_independent_one(skill: str) -> None:
    tasks = [task for task in TASKS if task.skill == skill]
    assert len(tasks) >= 500
    wrong = [task for task in tasks if not task.check(RECOMPUTE[skill](task.question))]
    assert wrong == []


def test_a_task_accepts_its_own_answer_and_not_another() -> None:
    for task, other in zip(TASKS, TASKS[len(SKILLS) :], strict=False):
        assert task.check(f" {task.answer}.\n")
        assert task.check(other.answer) == (task.answer == other.answer)
        assert not task.check("")


def test_questions_are_distinct_and_skills_are_balanced() -> None:
    assert len({task.question for task in TASKS}) == len(TASKS) == 3_000
    assert set(Counter(task.skill for task in TASKS).values()) == {500}


def test_seeds_make_different_tasks_and_fewer_are_the_first_of_more() -> None:
    assert skill_tasks(60) == TASKS[:60]
    assert skill_tasks(60, seed=1) != TASKS[:60]


@pytest.mark.parametrize(
    ("kind", "answer", "given_answer", "right"),
    [
        ("number", "1200", "1200.0", True),
        ("number", "1200", "1.2e3", True),
        ("number", "1200", "1200 metres", False),
        ("number", "1200", "nan", False),
        ("text", "a, b", "a, b.", True),
        ("text", "a, b", "b, a", False),
        ("text", "Monday", "monday", False),
        ("json", '{"a": 1, "b": true}', '{"b":true,"a":1}', True),
        ("json", '{"a": 1}', '{"a": true}', False),
        ("json", '{"a": 1}', '{"a": 1', False),
        ("json", '{"a": 1}', "[" * 100_000, False),
    ],
)
def test_answers_are_compared_by_what_they_mean(kind: str, answer: str, given_answer: str, right: bool) -> None:
    assert SkillTask("x", "?", answer, kind).check(given_answer) is right  # type: ignore[arg-type]


@given(st.text())
def test_checking_survives_any_answer(answer: str) -> None:
    for task in TASKS[: len(SKILLS)]:
        assert task.check(answer) in (True, False)


def test_examples_carry_the_skill_as_their_label() -> None:
    dataset = load_dataset(DatasetSection(builtin="skills"))
    assert {example.label for example in dataset.held_out} == set(SKILLS)
    answers = {task.question: task.answer for task in TASKS}
    assert all(answers[example.prompt[-1].content] == example.completion for example in dataset.train)
