"""Output folders of Hugging Face's Trainer, and of TRL, whose trainers are built on it."""

from __future__ import annotations

from typing import Final

from analysis.importers.trainer.source import OutputFolderSource

SOURCE: Final = OutputFolderSource("trainer")
