"""What pydantic found, in the words of somebody who writes the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from pydantic_core import ErrorDetails

from analysis.strict_yaml.problems import shown

Sentence = tuple[str, str]  # what is wrong, what to do
_Context = Mapping[str, object]

_KINDS: Mapping[str, Sentence] = {
    "string_type": ("text", "write a word"),
    "int_type": ("a whole number", "write a whole number"),
    "float_type": ("a number", "write a number"),
    "tuple_type": ("a list", "write a list such as [1, 2]"),
    "list_type": ("a list", "write a list such as [a, b]"),
    "dict_type": ("a mapping", "write `key: value` lines below it"),
    "model_type": ("a mapping", "write `key: value` lines below it"),
    "path_type": ("a path", "write the path of a file"),
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("must be greater than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be less than {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
}


def nearest(word: str, valid: Iterable[str]) -> str:
    """Returns the hint for an unknown name: the nearest valid one, and all of them sorted."""
    names = sorted(valid)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}valid are {', '.join(names)}"


def explain(details: ErrorDetails) -> Sentence:
    """Returns message and fix for one pydantic error, whatever its type."""
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind == "ucurve":
        return str(context["message"]), str(context["fix"])
    if kind in _BOUNDS:
        template, key = _BOUNDS[kind]
        bound = f"{context[key]:g}" if isinstance(context[key], float) else str(context[key])
        return f"{template.format(bound)}, got {shown(value)}", "choose a value in that range"
    if kind in _KINDS:
        wanted, fix = _KINDS[kind]
        got = "nothing" if value is None else shown(value)
        if kind == "string_type" and isinstance(value, int | float):
            fix = f"write '{value}' in quotes"
        return f"must be {wanted}, got {got}", fix
    rule = _RULES.get(kind)
    return rule(value, context) if rule else (f"{details['msg']}, got {shown(value)}", "write another value")


def _missing(_value: object, _context: _Context) -> Sentence:
    return "is missing", "add it"


def _literal(value: object, context: _Context) -> Sentence:
    expected = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
    return f"must be one of {', '.join(expected)}, got {shown(value)}", nearest(str(value), expected)


def _pattern(value: object, context: _Context) -> Sentence:
    if str(context["pattern"]).startswith("^[a-z0-9]"):
        fix = "use lower-case letters, digits, - and _, at most 64 of them, the first one no sign"
        return f"is not a valid name, got {shown(value)}", fix
    return f"has characters that are not allowed, got {shown(value)}", f"it must match {context['pattern']}"


def _length(value: object, context: _Context) -> Sentence:
    if context.get("min_length") == 1:
        return f"must not be empty, got {shown(value)}", "put something in"
    limit = context.get("max_length", context.get("min_length"))
    word = "at most" if "max_length" in context else "at least"
    unit = "characters" if isinstance(value, str) else "items"
    return f"must have {word} {limit} {unit}, got {shown(value)}", f"keep {word} {limit}"


def _infinite(value: object, _context: _Context) -> Sentence:
    return f"must be a finite number, got {shown(value)}", "write an ordinary number"


_RULES: Mapping[str, Callable[[object, _Context], Sentence]] = {
    "missing": _missing,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "finite_number": _infinite,
    **dict.fromkeys(("too_short", "too_long", "string_too_short", "string_too_long"), _length),
}
