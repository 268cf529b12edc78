"""Makers of small tasks with exact answers: each takes a random generator and returns a question and its answer."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

AnswerKind = Literal["number", "text", "json"]
Draft = tuple[str, str, AnswerKind]  # question, answer, how answers are compared

WORDS = (
    *(
        "apple",
        "bridge",
        "candle",
        "desert",
        "engine",
        "forest",
        "garden",
        "harbor",
        "island",
        "jacket",
        "kettle",
        "ladder",
    ),
    *(
        "meadow",
        "needle",
        "orange",
        "pencil",
        "quartz",
        "ribbon",
        "saddle",
        "tunnel",
        "umbrella",
        "valley",
        "window",
        "yellow",
    ),
)
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Joy", "Kim", "Lea")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# (from, to, factor): exact by definition, so that the answers are.
CONVERSIONS: tuple[tuple[str, str, str], ...] = (
    ("kilometres", "metres", "1000"),
    ("metres", "centimetres", "100"),
    ("kilograms", "grams", "1000"),
    ("litres", "millilitres", "1000"),
    ("hours", "minutes", "60"),
    ("minutes", "seconds", "60"),
    ("days", "hours", "24"),
    ("weeks", "days", "7"),
    ("inches", "centimetres", "2.54"),
    ("feet", "inches", "12"),
    ("yards", "feet", "3"),
    ("pounds", "ounces", "16"),
)
OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}


def plain_decimal(number: Decimal) -> str:
    """Returns the number without exponent or trailing zeros.

    >>> plain_decimal(Decimal("1200.50"))
    '1200.5'
    """
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def arithmetic(rng: random.Random) -> Draft:
    """Adds, subtracts, multiplies; one or two steps."""
    sign = rng.choice(sorted(OPERATIONS))
    most = 20 if sign == "*" else 500
    left, right = rng.randint(2, most), rng.randint(2, most)
    result = OPERATIONS[sign](left, right)
    if rng.random() < 0.6:
        return f"Compute {left} {sign} {right}.", str(result), "number"
    then, last = rng.choice(("+", "-")), rng.randint(2, 99)
    return f"Compute ({left} {sign} {right}) {then} {last}.", str(OPERATIONS[then](result, last)), "number"


def units(rng: random.Random) -> Draft:
    """Converts between units whose ratio is exact, temperatures included."""
    if rng.random() < 0.15:
        celsius = rng.randrange(-40, 201, 5)
        return f"Convert {celsius} degrees Celsius to degrees Fahrenheit.", str(celsius * 9 // 5 + 32), "number"
    source, target, factor = rng.choice(CONVERSIONS)
    amount = Decimal(rng.randint(2, 400)) / rng.choice((1, 1, 2, 10))
    answer = plain_decimal(amount * Decimal(factor))
    return f"Convert {plain_decimal(amount)} {source} to {target}.", answer, "number"


def sorting(rng: random.Random) -> Draft:
    """Sorts numbers or words, up or down."""
    down = rng.random() < 0.5
    n_items = rng.randint(3, 7)
    if rng.random() < 0.5:
        numbers = rng.sample(range(1, 200), n_items)
        order = "from largest to smallest" if down else "from smallest to largest"
        items = [str(number) for number in sorted(numbers, reverse=down)]
        return f"Sort these numbers {order}: {', '.join(map(str, numbers))}.", ", ".join(items), "text"
    words = rng.sample(WORDS, n_items)
    order = "in reverse alphabetical order" if down else "in alphabetical order"
    return f"Sort these words {order}: {', '.join(words)}.", ", ".join(sorted(words, reverse=down)), "text"


def json_editing(rng: random.Random) -> Draft:
    """Sets, removes or renames one key of a flat object."""
    record: dict[str, object] = {
        "name": rng.choice(NAMES),
        "age": rng.randint(18, 90),
        "city": rng.choice(WORDS).title(),
    }
    record = {**record, "active": rng.random() < 0.5, "score": rng.randint(0, 100)}
    keys = rng.sample(sorted(record), rng.randint(2, 4))
    before = {key: record[key] for key in keys}
    key, action = rng.choice(keys), rng.randrange(3)
    if action == 0:
        value = rng.randint(0, 999)
        question, after = f"set {json.dumps(key)} to {value}", {**before, key: value}
    elif action == 1:
        question, after = f"remove the key {json.dumps(key)}", {name: before[name] for name in keys if name != key}
    else:
        fresh = rng.choice(("label", "value", "field", "item"))
        question = f"rename the key {json.dumps(key)} to {json.dumps(fresh)}"
        after = {fresh if name == key else name: value for name, value in before.items()}
    return f"In this JSON, {question}: {json.dumps(before)}", json.dumps(after), "json"


def strings(rng: random.Random) -> Draft:
    """Reverses, changes case, counts, replaces, joins."""
    word = rng.choice(WORDS)
    letter = rng.choice(word)
    words = rng.sample(WORDS, rng.randint(2, 4))
    place = rng.randint(1, len(word))
    drafts: tuple[Draft, ...] = (
        (f"Write {word!r} backwards.", word[::-1], "text"),
        (f"Write {' '.join(words)!r} in upper case.", " ".join(words).upper(), "text"),
        (f"How many times does the letter {letter!r} occur in {word!r}?", str(word.count(letter)), "number"),
        (f"What is letter number {place} of {word!r}?", word[place - 1], "text"),
        (f"Join these words with hyphens: {', '.join(words)}.", "-".join(words), "text"),
        (f"How many letters are in {''.join(words)!r}?", str(len("".join(words))), "number"),
        (f"Replace every {letter!r} with '*' in {word!r}.", word.replace(letter, "*"), "text"),
        (f"Write the first letters of these words: {', '.join(words)}.", "".join(one[0] for one in words), "text"),
    )
    return rng.choice(drafts)


def dates(rng: random.Random) -> Draft:
    """Adds days, counts days, names weekdays."""
    day = dt.date(2000, 1, 1) + dt.timedelta(days=rng.randrange(36_500))
    n_days = rng.randint(1, 90)
    later = day + dt.timedelta(days=n_days)
    short = f"{day.day}/{day.month}/{day.year}"
    drafts: tuple[Draft, ...] = (
        (f"Which date is {n_days} days after {day.isoformat()}?", later.isoformat(), "text"),
        (f"How many days are there from {day.isoformat()} to {later.isoformat()}?", str(n_days), "number"),
        (f"Which day of the week is {day.isoformat()}?", WEEKDAYS[day.weekday()], "text"),
        (f"Write {day.isoformat()} as day/month/year without leading zeros.", short, "text"),
    )
    return rng.choice(drafts)


MAKERS: Mapping[str, Callable[[random.Random], Draft]] = {
    "arithmetic": arithmetic,
    "units": units,
    "sorting": sorting,
    "json": json_editing,
    "strings": strings,
    "dates": dates,
}
