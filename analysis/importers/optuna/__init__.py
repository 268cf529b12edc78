"""Optuna storages as a source: SQLite files, journal files and database addresses; each trial is a run."""

from __future__ import annotations

from analysis.importers.optuna.source import SOURCE

__all__ = ["SOURCE"]
