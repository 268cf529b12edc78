"""Takes secrets out of everything that leaves a reading process."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from typing import Any

from analysis.importers.isolation.parcel import whole_text
from analysis.importers.source import Item
from analysis.importers.source_run import SourceRun


class Cleaner:
    """The project's redactor with the secrets of this process's environment; without one nothing is changed."""

    def __init__(self) -> None:
        self._redactor: Any = None
        if importlib.util.find_spec("analysis.importers.redaction") is not None:
            self._redactor = importlib.import_module("analysis.importers.redaction").Redactor.from_environment()

    def run(self, run: SourceRun) -> tuple[SourceRun, int]:
        """The run without secrets, and how many were taken out."""
        if self._redactor is None:
            return run, 0
        before = int(self._redactor.n_redacted)
        clean: SourceRun = self._redactor.clean_run(run)
        return clean, int(self._redactor.n_redacted) - before

    def text(self, text: str) -> str:
        """One label, reason or message without secrets."""
        return whole_text(text if self._redactor is None else str(self._redactor.clean_text(text)))

    def item(self, item: Item) -> Item:
        """The item with a label that can be shown; its locator stays, it is never shown or stored."""
        return replace(item, label=self.text(item.label))
