"""TensorBoard event files as a source: a folder with event files is a run."""

from __future__ import annotations

from analysis.importers.tensorboard.source import SOURCE

__all__ = ["SOURCE"]
