"""A recipe in a tool's words, line by line: what was translated, what has no equivalent, what the run does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analysis.recipes.recipe import Recipe

Status = Literal["translated", "always", "no_equivalent", "missing", "fixed"]
MISSING: Final = "the run does not say, so the tool's own default counts"


@dataclass(frozen=True, slots=True)
class Line:
    """One key of a tool's configuration, or the reason why a setting has none.

    Attributes:
        setting: Which of `SETTINGS` it is about; None for what the format itself needs.
        status: `translated`; `always`: the tool knows nothing else; `no_equivalent`; `missing`; `fixed`: of the format.
        key: The tool's name, dotted where nested; None where there is none.
        value: Its value there.
        note: What to know of it, as a sentence; the reason where there is no key.
    """

    setting: str | None
    status: Status
    key: str | None = None
    value: object = None
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Returns the line under its documented JSON keys."""
        return {"setting": self.setting, "status": self.status, "key": self.key, "value": self.value, "note": self.note}


class Sheet:
    """Collects the lines of one format, in the order of the file."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.lines: list[Line] = []

    def put(self, setting: str, key: str, value: object, note: str = "") -> None:
        """Adds a translated setting; one that the run does not say is added as missing."""
        if value is None:
            self.missing(setting)
        else:
            self.lines.append(Line(setting, "translated", key, value, note))

    def fixed(self, key: str, value: object, note: str = "") -> None:
        """Adds what the format needs whatever the run was."""
        self.lines.append(Line(None, "fixed", key, value, note))

    def lacks(self, setting: str, why: str) -> None:
        """Adds that the tool cannot express what the run had."""
        self.lines.append(Line(setting, "no_equivalent", note=why))

    def always(self, setting: str, value: object, only: object, what: str) -> None:
        """Adds a setting that the tool has fixed: fine where the run had the same, else without equivalent."""
        if value is None:
            self.missing(setting)
        elif value == only:
            self.lines.append(Line(setting, "always", value=value, note=f"{what}, as in this run"))
        else:
            self.lacks(setting, f"{what}; this run had {show(value)}")

    def nowhere(self, setting: str, value: object, why: str) -> None:
        """Adds a setting that the tool has no key for: without equivalent where the run says it, else missing."""
        if value is None:
            self.missing(setting)
        else:
            self.lacks(setting, f"{why}; this run had {show(value)}")

    def missing(self, setting: str) -> None:
        """Adds that the run does not say; the tool's own default then counts, and nobody's guess."""
        self.lines.append(Line(setting, "missing", note=MISSING))


def show(value: object) -> str:
    """Returns a value for a sentence: texts in quotes, numbers as people write them."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return repr(value) if isinstance(value, str) else str(value)
