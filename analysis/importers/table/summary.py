"""A map as a person wants to check it: YAML, with what stands in each column as comments."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.importers.table.column_facts import ColumnFacts, describe_columns
from analysis.importers.table.columns import kept_headers, with_own_names
from analysis.importers.table.importer import TableImport
from analysis.importers.table.map_text import map_to_yaml
from analysis.importers.table.table_map import TableMap
from analysis.importers.table.types import Table


def explain_map(table: Table, table_map: TableMap, planned: TableImport) -> str:
    """Returns YAML that can be saved and given back as the map; the comments say what was found and what would happen.

    Args:
        table: The table.
        table_map: Given or guessed.
        planned: What an import by this map would do.
    """
    comments = [*_found(table, table_map, planned), "", *_outcome(planned)]
    lines = [f"# {line}".rstrip() for line in comments]
    return "\n".join([f"# {_one_line(table.file)}: {table.n_rows:,} rows", *lines, map_to_yaml(table_map)])


def column_roles(table: Table, table_map: TableMap, measured: tuple[str, ...] = ()) -> dict[str, str]:
    """Returns header -> what the column is by the map, in words."""
    table_map = with_own_names(table_map, table)
    roles = dict.fromkeys(kept_headers(table, table_map), "configuration")
    roles |= dict.fromkeys({*measured, *table_map.measured} & roles.keys(), "measured, kept with the run")
    named = [
        *((header, f"field {name}") for name, header in table_map.fields.items()),
        *((header, f"metric {name}") for name, header in table_map.metrics.items()),
        *((header, f"benchmark {name}") for name, header in table_map.evals.items()),
        *((header, key.replace("_", " ")) for key, header in _single(table_map)),
        *((header, "ignored") for header in table_map.ignore),
    ]
    for headers, role in named:
        for header in [headers] if isinstance(headers, str) else headers:
            roles[header] = role
    for header in table.headers:
        curve = table_map.curve_step(header)
        if curve is not None:
            roles[header] = f"metric {curve[0]} at step {curve[1]}"
    return {header: roles.get(header, "ignored") for header in table.headers}


def _single(table_map: TableMap) -> Iterator[tuple[str, str]]:
    for key in ("step", "metric_name", "metric_value"):
        header = getattr(table_map, key)
        if header is not None:
            yield key, header


def _found(table: Table, table_map: TableMap, planned: TableImport) -> Iterator[str]:
    yield "columns: what they are, what stands in them (rows that have it, different values), examples"
    roles = column_roles(table, table_map, tuple(planned.measured))
    for header, facts in describe_columns(table).items():
        yield f"  {_one_line(header)}: {_one_line(roles[header])} | {facts_text(facts)}"


def facts_text(facts: ColumnFacts) -> str:
    """What stands in a column, in one line."""
    if facts.kind == "nothing":
        return "nothing"
    examples = ", ".join(map(_one_line, facts.examples))
    return f"{facts.kind} ({facts.n_present:,}, {facts.n_distinct:,}) | {examples}"


def _outcome(planned: TableImport) -> Iterator[str]:
    changes, result = planned.changes, planned.result
    n_trials = len({run.key for run in planned.runs.values()})
    yield f"would import {result.rows_got:,} of {result.rows_expected:,} rows"
    yield f"  as {len(planned.runs):,} runs of {n_trials:,} configurations: {changes.counts_text()}"
    yield f"  {len(changes.metrics):,} metric values, {len(changes.evals):,} benchmark scores"
    yield from (_one_line(note) for note in planned.notes)


def _one_line(text: str) -> str:
    """Text that cannot leave its comment."""
    return "".join(character if character.isprintable() else "�" for character in text)
