"""Plausible wrong answers to skill tasks: the slips that one would expect, the same for a task on any machine."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import islice

from runner.data.skill_tasks import WEEKDAYS, plain_decimal
from runner.data.skills import SkillTask

N_WRONG = 3
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MAX_TRIES = 1_000  # endless makers of slips; in practice a handful is enough


def choices_for(task: SkillTask) -> tuple[tuple[str, ...], int]:
    """Returns four answers in an order drawn for the task, and the place of the right one.

    No two of them are equal in the sense of the task's own check, so that only one is right.
    """
    rng = random.Random(f"choices:{task.question}")  # noqa: S311 - no secret
    choices = [task.answer]
    for candidate in islice(_candidates(task, rng), _MAX_TRIES):
        if not any(replace(task, answer=taken).check(candidate) for taken in choices):
            choices.append(candidate)
        if len(choices) > N_WRONG:
            break
    if len(choices) <= N_WRONG:
        raise ValueError(f"too few wrong answers for {task.question!r}")
    rng.shuffle(choices)
    return tuple(choices), choices.index(task.answer)


def _candidates(task: SkillTask, rng: random.Random) -> Iterator[str]:
    if task.answer_kind == "number":
        return _amounts(task, rng) if task.skill == "units" else _numbers(task.answer, rng)
    if task.answer_kind == "json":
        return _objects(task, rng)
    return _TEXTS.get(task.skill, _strings)(task, rng)


def _numbers(answer: str, rng: random.Random) -> Iterator[str]:
    """Off by one, two or ten."""
    value = Decimal(answer)
    return _plausible(value, [value + step for step in (-10, -2, -1, 1, 2, 10)], rng)


def _amounts(task: SkillTask, rng: random.Random) -> Iterator[str]:
    """The point in the wrong place, one more or less of the source's unit, or the 32 of Fahrenheit forgotten."""
    value, amount = Decimal(task.answer), Decimal(task.question.split()[1])
    step = Decimal(9) if "Celsius" in task.question else value / amount
    slips = [value * 10, value / 10, value - step, value + step, value + 2 * step]
    return _plausible(value, [*slips, value - 32] if "Celsius" in task.question else slips, rng)


def _plausible(value: Decimal, slips: list[Decimal], rng: random.Random) -> Iterator[str]:
    """The slips in any order, negative ones only where the answer is negative."""
    rng.shuffle(slips)
    return (plain_decimal(slip) for slip in slips if slip >= 0 or value < 0)


def _objects(task: SkillTask, rng: random.Random) -> Iterator[str]:
    """The object unchanged, or with one other key changed, missing or named otherwise."""
    after: dict[str, object] = json.loads(task.answer)
    yield task.question[task.question.index("{") :]
    while True:
        key = rng.choice(sorted(after)) if after else "label"
        match rng.randrange(3):
            case 0:
                yield json.dumps({**after, key: _changed(after.get(key), rng)})
            case 1:
                yield json.dumps({name: value for name, value in after.items() if name != key})
            case _:
                fresh = rng.choice(("label", "value", "field", "item"))
                yield json.dumps({fresh if name == key else name: value for name, value in after.items()})


def _changed(value: object, rng: random.Random) -> object:
    if isinstance(value, bool):
        return not value
    return value + rng.choice((-1, 1, 10)) if isinstance(value, int) else next(_misspelt(str(value), rng))


def _orders(task: SkillTask, rng: random.Random) -> Iterator[str]:
    """The other way round, then two neighbours swapped."""
    items = task.answer.split(", ")
    yield ", ".join(reversed(items))
    while True:
        place = rng.randrange(len(items) - 1)
        swapped = [*items[:place], items[place + 1], items[place], *items[place + 2 :]]
        yield ", ".join(swapped if rng.random() < 0.8 else rng.sample(items, len(items)))


def _dates(task: SkillTask, rng: random.Random) -> Iterator[str]:
    """Another weekday, a date some days or about a month off, or day and month swapped."""
    if task.answer in WEEKDAYS:
        yield from rng.sample(WEEKDAYS, len(WEEKDAYS))
        return
    slips = rng.sample((-31, -30, -10, -2, -1, 1, 2, 10, 30, 31), 10)
    if "/" in task.answer:
        day, month, year = map(int, task.answer.split("/"))
        yield f"{month}/{day}/{year}"
        for later in (dt.date(year, month, day) + dt.timedelta(days=slip) for slip in slips):
            yield f"{later.day}/{later.month}/{later.year}"
    else:
        for slip in slips:
            yield (dt.date.fromisoformat(task.answer) + dt.timedelta(days=slip)).isoformat()


def _strings(task: SkillTask, rng: random.Random) -> Iterator[str]:
    """Another letter; words in another order; a letter too many, too few or at another place."""
    if len(task.answer) == 1:
        word = re.findall(r"'([^']*)'", task.question)[0]
        yield from rng.sample(sorted(set(word)), len(set(word)))
        yield from rng.sample(_LETTERS, len(_LETTERS))
        return
    for separator in (" ", "-"):
        if separator in task.answer:
            yield separator.join(reversed(task.answer.split(separator)))
    yield from _misspelt(task.answer, rng)


def _misspelt(text: str, rng: random.Random) -> Iterator[str]:
    while True:
        place = rng.randrange(len(text))
        before, letter, after = text[:place], text[place], text[place + 1 :]
        # Not at the end, where white space and a full stop do not count.
        match rng.randrange(3):
            case 0:
                yield f"{before}{letter}{letter}{after}"
            case 1:
                yield f"{before}{after}" if len(text) > 1 else letter * 2
            case _:
                yield f"{before}{after[:1]}{letter}{after[1:]}"


_TEXTS: Mapping[str, Callable[[SkillTask, random.Random], Iterator[str]]] = {"sorting": _orders, "dates": _dates}
