"""Which run of the store each run of a table is: the same table again must find the same runs."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Final

from analysis.importers.table.runs import TableRun
from analysis.importers.table.stored import StoredRun, contradicts, has_same_config, is_same_as
from analysis.store import run_id_of
from analysis.store.identity import ID_PATTERN

DEFAULT_SOURCE: Final = "table"
_LONGEST_ID: Final = 64
_DIGEST_LENGTH: Final = 8
Trial = tuple[str, object]
"""Trial key and seed."""


def run_id_from(text: str, source: str) -> str:
    """The id of a run that a table names.

    Under the default source a valid id stays as it is, so that a table can add to any run of the store; under another
    source the ids are the table's own. A name that is no valid id becomes one that keeps a digest of the name.

    >>> run_id_from("run-7", "table"), run_id_from("run-7", "team-b")
    ('run-7', 'team-b-run-7')
    """
    name = text if source == DEFAULT_SOURCE else f"{source}-{text}"
    if re.fullmatch(ID_PATTERN, name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: _LONGEST_ID - _DIGEST_LENGTH - 1]
    return f"{readable}-{digest}" if readable else digest


def assign_ids(
    runs: Sequence[TableRun], stored: Mapping[str, StoredRun], source: str, measured: Set[str]
) -> dict[str, TableRun]:
    """Returns run id -> run.

    A run that its table names gets that name's id. Any other run is one of its trial's and seed's replicates: first
    those are found again that say nothing new, then the others in the order of their contents; what is left gets new
    ids. So neither the order of the rows nor a changed or added row moves the others.

    Args:
        runs: The runs of one table; named ones have different names.
        stored: Runs of the store, with their contents: all of this source.
        source: Of the table.
        measured: Columns that are measurements.
    """
    named = {run_id_from(run.named, source): run for run in runs if run.named is not None}
    trials: dict[Trial, list[TableRun]] = defaultdict(list)
    for run in runs:
        if run.named is None:
            trials[run.key, run.seed].append(run)
    known = by_trial(stored, source, measured) if trials else {}
    taken = {*stored, *named}
    for trial, replicates in trials.items():
        if len(replicates) > 1:
            replicates.sort(key=TableRun.content)
        named |= _match(trial, replicates, {run_id: stored[run_id] for run_id in known.get(trial, ())}, taken)
    return named


def by_trial(stored: Mapping[str, StoredRun], source: str, measured: Set[str]) -> dict[Trial, list[str]]:
    """The stored runs of a source by trial and seed, each list sorted."""
    found: dict[Trial, list[str]] = defaultdict(list)
    for run_id, run in sorted(stored.items()):
        if run.row.get("source") == source:
            found[run.key(source, measured), run.row.get("seed")].append(run_id)
    return found


def _match(
    trial: Trial, replicates: Sequence[TableRun], known: dict[str, StoredRun], taken: set[str]
) -> dict[str, TableRun]:
    matched: dict[str, TableRun] = {}
    others = list(replicates)
    for fits in (is_same_as, lambda run, stored: not contradicts(run, stored), has_same_config):
        others = [run for run in others if not _take_first(run, known, fits, matched)]
    for run, run_id in zip(others, chain(known, _new_ids(trial, taken)), strict=False):
        taken.add(run_id)
        matched[run_id] = run
    return matched


def _take_first(
    run: TableRun,
    known: dict[str, StoredRun],
    fits: Callable[[TableRun, StoredRun], bool],
    matched: dict[str, TableRun],
) -> bool:
    """Matches a run with the first stored one that fits and is free; says whether there was one."""
    run_id = next((run_id for run_id, stored in known.items() if fits(run, stored)), None)
    if run_id is None:
        return False
    matched[run_id] = run
    del known[run_id]
    return True


def _new_ids(trial: Trial, taken: Set[str]) -> Iterator[str]:
    """Ids of further replicates: by the seed where there is one, numbered where that is not enough."""
    key, seed = trial
    number = 0
    while True:
        if isinstance(seed, int):
            run_id = run_id_of(key, seed) + (f"-{number}" if number else "")
        else:
            run_id = f"{key[:12]}-n{number}"
        if run_id not in taken:
            yield run_id
        number += 1
