"""Brings what sources tell into the store: compared with what is there, and only the difference appended."""

from analysis.importers.sink.importing import import_from
from analysis.importers.sink.report import ImportReport, SourceLine

__all__ = ["ImportReport", "SourceLine", "import_from"]
