"""Parquet files of neptune-exporter."""

from analysis.importers.neptune.source import SOURCE

__all__ = ["SOURCE"]
