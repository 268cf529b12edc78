"""DuckDB as a reader that may touch one store's files and nothing else. The only file that talks to duckdb."""

# ruff: noqa: S608  relations are built from the schema only
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from analysis.errors import StoreError
from analysis.store.schema import Column

Parameter = str | int | float | bool | None | list[str] | list[int]

_DUCKDB_TYPE = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "list<string>": "VARCHAR[]",
}


class MissingFileError(StoreError):
    """A file of the list is gone: the list is older than a compaction and its grace time."""


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """In-memory database that reads files below `folder` only; its settings cannot be changed afterwards."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    quoted = str(folder).replace("'", "''")
    connection.execute(f"SET allowed_directories=['{quoted}/']")
    connection.execute("SET TimeZone='UTC'")
    # In this order: each statement takes away what the ones before needed.
    for statement in ("enable_external_access=false", "python_enable_replacements=false", "lock_configuration=true"):
        connection.execute(f"SET {statement}")
    return connection


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Parameter]) -> pa.Table:
    """Result of `sql` with named parameters bound, never formatted in.

    Raises:
        MissingFileError: a data file has disappeared; a fresh list helps.
        StoreError: a data file is damaged.
    """
    try:
        return _in_utc(connection.cursor().sql(sql, params=dict(parameters)).to_arrow_table())
    except duckdb.IOException as problem:
        raise MissingFileError(f"cannot read the store: {problem}") from problem
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
        raise  # our own SQL is wrong: a bug, not a damaged store
    except duckdb.Error as problem:
        raise StoreError(f"cannot read the store ({problem}); `ucurve store check` names the file") from problem


def _in_utc(table: pa.Table) -> pa.Table:
    """DuckDB calls the zone Etc/UTC; one spelling, so that types compare equal."""
    utc = pa.timestamp("us", tz="UTC")
    fields = [field.with_type(utc) if pa.types.is_timestamp(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))


def source(table: str, columns: tuple[Column, ...], *, n_files: int, stored: frozenset[str]) -> str:
    """SQL relation with at least the schema's columns; its files are the parameter `$<table>_files`.

    A typed empty row set gives an empty table its columns, and a table of an older schema version its nulls. A table
    that has all columns does without: planning the union costs 6 ms a query.

    Args:
        table: its name.
        columns: its columns in this version of the schema.
        n_files: how many files it has.
        stored: columns that it has.
    """
    files = f"read_parquet(${table}_files, union_by_name=true, hive_partitioning=false)"
    if n_files and stored >= {column.name for column in columns}:
        return files
    typed = ", ".join(f'NULL::{_DUCKDB_TYPE[column.type]} AS "{column.name}"' for column in columns)
    empty = f"SELECT {typed} WHERE false"
    if not n_files:
        return f"({empty})"
    names = ", ".join(f'"{column.name}"' for column in columns)
    return f"(SELECT {names} FROM ({empty} UNION ALL BY NAME SELECT * FROM {files}))"
