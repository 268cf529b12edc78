"""One run as it was stored, asked for single values; it remembers where each was found."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from analysis.importers.config_rules.rules import SECTIONS
from analysis.recipes.config_keys import ADAPTER_SECTIONS, KEYS


class RunReader:
    """A row of the runs table with its configuration.

    Attributes:
        row: Columns of the runs table.
        asked: The configuration as it was logged.
        config: The same with the settings of its sections beside its own, which go first.
        provenance: What is known of how it was made.
        sources: Field of a recipe -> where its value was found.
    """

    def __init__(self, row: Mapping[str, object]) -> None:
        self.row = row
        self.asked = _object(row.get("config_json"))
        self.config = _without_sections(self.asked)
        self.provenance = _object(row.get("provenance_json"))
        self.sources: dict[str, str] = {}

    @property
    def is_local(self) -> bool:
        """Whether Ucurve trained it."""
        return self.row.get("source") == "local"

    def column(self, name: str, field: str | None = None) -> object:
        """A column of the runs table, with its provenance; NaN and missing are None."""
        value = self.row.get(name)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        self.sources[field or name] = f"runs.{name}"
        return value

    def first(self, field: str) -> object:
        """The configuration's value under the best key that has one."""
        for key in KEYS[field]:
            value = _at(self.config, key)
            if value is not None:
                self.sources[field] = f"config.{key}"
                return value
        return None

    def number(self, field: str) -> float | None:
        """The same as a number; None where it is none."""
        value = self.first(field)
        number = to_number(value)
        if number is None:
            self.sources.pop(field, None)
        return number

    def word(self, field: str, column: str, known: Mapping[str, str]) -> str | None:
        """A word in our spelling where it is known, else as the tool wrote it."""
        value = self.column(column, field)
        if value is None:
            return None
        word = re.sub(r"^get_", "", str(value).strip().lower())
        return known.get(word, str(value))

    def anywhere(self, key: str) -> object:
        """A setting's value, also where it stands among the adapter's."""
        paths = (key, *(f"{section}.{key}" for section in ADAPTER_SECTIONS))
        return next((value for path in paths if (value := _at(self.config, path)) is not None), None)


def _object(text: object) -> dict[str, object]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _without_sections(config: Mapping[str, object]) -> dict[str, object]:
    """The configuration with the settings of its sections beside its own, which go first."""
    sections = [section for name in sorted(SECTIONS) if isinstance(section := config.get(name), Mapping)]
    return {**{key: value for section in sections for key, value in section.items()}, **config}


def _at(config: Mapping[str, object], path: str) -> object:
    """The value at a dotted path; a key that itself has dots goes first, and a number is a place in a list."""
    if path in config:
        return config[path]
    value: object = config
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def to_number(value: object) -> float | None:
    """A finite number, also where a tool logged it as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def to_text(value: object) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None
