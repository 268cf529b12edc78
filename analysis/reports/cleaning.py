"""Takes out of a whole report what must not leave: secrets, and characters that would do something where it is read.

One place for all formats: renderers then only keep text from being taken for their own marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from analysis.importers.redaction import Redactor
from analysis.reports.types import Code, Report, Table, Terms, Text
from analysis.wording.printable import printable

_CACHED = 100_000


def clean_report(report: Report, redactor: Redactor) -> Report:
    """Returns the report without secrets, and with harmless characters alone.

    Control characters, also those that turn the direction of writing, are shown as escapes; line breaks stay in notes
    and code alone.

    Args:
        report: The report as composed.
        redactor: What finds secrets.
    """
    cleaned: Report = _Cleaner(redactor).clean(report)
    return cleaned


class _Cleaner:
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._line = lru_cache(_CACHED)(lambda text: printable(redactor.clean_text(text), breaks=False))

    def clean(self, value: Any) -> Any:  # noqa: ANN401 - gives back what it gets, of the same type
        """The value with every text in it cleaned."""
        if isinstance(value, str):
            return self._line(value)
        if isinstance(value, Text | Code):
            return replace(value, text=printable(self._redactor.clean_text(value.text)))
        if isinstance(value, Table):
            title = self._line(value.title)
            return replace(value, title=title, frame=self._frame(value.frame))
        if isinstance(value, Terms):
            return Terms(tuple(self._term(*item) for item in value.items))
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: self.clean(getattr(value, field.name)) for field in fields(value)})
        if isinstance(value, Mapping):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.clean(item) for item in value)
        return value

    def _term(self, name: str, value: str, remark: str) -> tuple[str, str, str]:
        return self._line(name), printable(self._named(name, value), breaks=False), self._line(remark)

    def _frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        columns = {self._line(str(name)): self._cells(str(name), frame[name]) for name in frame.columns}
        return pd.DataFrame(columns, index=frame.index)

    def _cells(self, name: str, cells: pd.Series) -> pd.Series:
        if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_datetime64_any_dtype(cells):
            return cells
        return cells.astype(object).map(lambda cell: self._cell(name, cell))

    def _cell(self, name: str, cell: object) -> object:
        if isinstance(cell, str):
            return printable(self._named(name, cell), breaks=False)
        return [self._line(str(item)) for item in cell] if isinstance(cell, list | tuple) else cell

    def _named(self, name: str, text: str) -> str:
        """The text as it stands under a name, which may say that it is a secret, or that it is none."""
        return str(self._redactor.clean(text, (name,)))
