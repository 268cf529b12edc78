"""Takes secrets out of everything that leaves a reading process."""

from __future__ import annotations

from dataclasses import replace

from analysis.importers.isolation.parcel import whole_text
from analysis.importers.redaction import Redactor
from analysis.importers.source import Item
from analysis.importers.source_run import SourceRun


class Cleaner:
    """The redactor with the secrets of this process's environment."""

    def __init__(self) -> None:
        self._redactor = Redactor.from_environment()

    def run(self, run: SourceRun) -> tuple[SourceRun, int]:
        """The run without secrets, and how many were taken out."""
        before = self._redactor.n_redacted
        clean = self._redactor.clean_run(run)
        return clean, self._redactor.n_redacted - before

    def text(self, text: str) -> str:
        """One label, reason or message without secrets."""
        return whole_text(self._redactor.clean_text(text))

    def item(self, item: Item) -> Item:
        """The item with a label that can be shown; its locator stays, it is never shown or stored."""
        return replace(item, label=self.text(item.label))
