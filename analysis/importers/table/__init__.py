"""Any table as input: CSV, TSV, JSON lines or Parquet, one row a run or one row a metric value."""

from analysis.importers.table.guess import guess_map
from analysis.importers.table.importer import TableImport, import_table, plan_import
from analysis.importers.table.map_text import map_from_values, map_to_yaml, parse_map, read_map
from analysis.importers.table.read import read_table
from analysis.importers.table.table_map import TableMap
from analysis.importers.table.types import Table

__all__ = [
    "Table",
    "TableImport",
    "TableMap",
    "guess_map",
    "import_table",
    "map_from_values",
    "map_to_yaml",
    "parse_map",
    "plan_import",
    "read_map",
    "read_table",
]
