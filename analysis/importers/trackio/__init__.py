"""Trackio's databases and Parquet exports."""

from analysis.importers.trackio.source import SOURCE

__all__ = ["SOURCE"]
