"""Takes secrets out of what is imported, before anything of it is written down."""

from analysis.importers.redaction.redactor import Redactor
from analysis.importers.redaction.text import MARKER

__all__ = ["MARKER", "Redactor"]
