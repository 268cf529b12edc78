"""From what a source says about a run to the typed columns of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.importers.config_rules.batch import batch_size_in
from analysis.importers.config_rules.derived import add_derived
from analysis.importers.config_rules.key_index import KeyIndex
from analysis.importers.config_rules.lookup import Lookup, Stated
from analysis.importers.config_rules.readers import reads_of
from analysis.importers.config_rules.rules import RULES, Rule
from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.source_run import SourceRun
from analysis.importers.table.cells import shown
from analysis.store.checks import WrongValueError, converted
from analysis.store.schema import RUNS, column_named


@dataclass(frozen=True, slots=True)
class TypedColumns:
    """Columns of the runs table that a run states.

    Attributes:
        columns: Column -> value as the store holds it; what is not stated is not there.
        found_in: Column -> the key path or expression that gave it; `source` and `map` where no key did.
        notes: Sentences about keys that disagree, and values that were not taken.
        config: The configuration to keep: as logged, completed by the map's constants.
    """

    columns: Mapping[str, object]
    found_in: Mapping[str, str]
    notes: tuple[str, ...]
    config: Mapping[str, object]


def typed_columns(run: SourceRun, run_map: RunMap) -> TypedColumns:
    """The typed columns of a run. The user's map goes before the source's own columns, and those before the rules."""
    lacking = {name: value for name, value in run_map.constants.items() if run.config.get(name) is None}
    config = {**run.config, **lacking}
    lookup = Lookup(KeyIndex(config), has_one_gpu=_has_one_gpu(run.environment))
    mapped = _mapped(lookup, run_map)
    found = {rule.column: stated for rule in RULES if (stated := lookup.stated(rule)) is not None}
    batch_size = batch_size_in(lookup)
    if batch_size is not None:
        found["batch_size"] = batch_size
    add_derived(lookup, found)
    own = _own(run, lookup)
    _note_differences(lookup, own, found)
    found |= own | mapped
    columns = {name: stated.value for name, stated in found.items()}
    return TypedColumns(columns, {name: stated.where for name, stated in found.items()}, tuple(lookup.notes), config)


def _has_one_gpu(environment: Mapping[str, object]) -> bool:
    """What W&B's client notes of a machine; under Slurm there may be more such machines."""
    return environment.get("gpu_count") == 1 and not environment.get("slurm")


def _mapped(lookup: Lookup, run_map: RunMap) -> dict[str, Stated]:
    """What the map says: constants, and the keys it names."""
    found = {name: Stated(value, "map") for name, value in run_map.column_constants().items()}
    reads = {rule.column: rule.reads for rule in RULES}
    for name in run_map.fields:
        column = column_named(RUNS, name)
        if column is not None:
            rule = Rule(name, run_map.keys_of(name), reads.get(name, reads_of(column)))
            stated = lookup.stated(rule)
            if stated is not None:
                found[name] = stated
    return found


def _own(run: SourceRun, lookup: Lookup) -> dict[str, Stated]:
    """The columns that the source knows itself."""
    found: dict[str, Stated] = {}
    for name, value in run.columns.items():
        column = column_named(RUNS, name)
        try:
            if column is not None and value is not None:
                found[name] = Stated(converted(column, value), "source")
        except WrongValueError as problem:
            lookup.notes.append(f"{name}: {shown(value)} of the source is not taken: it {problem}")
    return found


def _note_differences(lookup: Lookup, own: Mapping[str, Stated], found: Mapping[str, Stated]) -> None:
    for name, stated in own.items():
        other = found.get(name)
        if other is not None and other.value != stated.value:
            said = f"{shown(other.value)} ({other.where}) disagrees"
            lookup.notes.append(f"{name}: {shown(stated.value)} of the source's own files is taken; {said}")
