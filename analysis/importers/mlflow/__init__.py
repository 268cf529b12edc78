"""MLflow as a source: tracking servers, SQLite databases and `mlruns` folders."""

from __future__ import annotations

from analysis.importers.mlflow.source import SOURCE

__all__ = ["SOURCE"]
