"""What was run: space, data, model, budget, versions, hardware and cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.number_format import format_tried_lr
from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Table, Terms
from analysis.runs.configuration import DERIVED, GroupValue, read_configurations
from analysis.runs.groups import sort_key
from analysis.runs.progress import count_statuses
from analysis.wording.plain import count_text, duration_text, join_text

_MOST_VALUES = 12
_GIB = 2**30
_SMALL = 1e-3
"""Below it numbers are written as learning rates are: 1e-8."""


def run_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the counts, what varied, what all runs share, and what it took."""
    runs = evidence.results
    yield Terms((*_counts(runs), *_cost(runs), *_machines(runs)))
    configured = {key: list(values) for key, values in read_configurations(runs).items() if key not in DERIVED}
    values: dict[str, set[GroupValue]] = {
        key: {value for value in found if value is not None} for key, found in configured.items()
    }
    varied = {key: found for key, found in values.items() if len(found) > 1}
    same = {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
    if varied:
        yield Table("space", "What varied", _space(varied))
    if same:
        yield Table("shared", "What all runs share", _shared(same))


def provenance_of(runs: pd.DataFrame) -> list[Mapping[str, object]]:
    """What runs say of how they were made, each distinct statement once."""
    found: list[Mapping[str, object]] = []
    for text in dict.fromkeys(runs["provenance_json"].dropna().astype(str)):
        stated = json.loads(text)
        if isinstance(stated, dict):
            found.append(stated)
    return found


def _counts(runs: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    statuses = ", ".join(f"{n:,} {status}" for status, n in count_statuses(runs).items())
    yield "Runs", f"{len(runs):,}", statuses
    sweeps = sorted(runs["sweep_id"].dropna().astype(str).unique())
    if sweeps:
        yield _term("Sweep", "Sweeps", sweeps)
    for column, one, many in (("model", "Model", "Models"), ("dataset", "Data", "Data"), ("source", "From", "From")):
        names = sorted(runs[column].dropna().astype(str).unique())
        if names:
            yield _term(one, many, names)
    yield (
        "Configurations",
        f"{runs['trial_key'].nunique():,}",
        count_text(runs["seed"].nunique(), "seed") if runs["seed"].notna().any() else "no seeds known",
    )


def _cost(runs: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    seconds, tokens, memory = runs["wall_s"].dropna(), runs["tokens_seen"].dropna(), runs["peak_memory_bytes"].dropna()
    if len(seconds):
        yield "Training time", duration_text(float(seconds.sum())), f"summed over {count_text(len(seconds), 'run')}"
    if len(tokens):
        yield "Trained tokens", f"{int(tokens.sum()):,}", f"in {count_text(len(tokens), 'run')}"
    if len(memory):
        yield "Peak memory", f"{float(memory.max()) / _GIB:.1f} GiB", "the largest of any run"


def _machines(runs: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    for column, one, many in (("device", "Device", "Devices"), ("host", "Machine", "Machines")):
        names = sorted(runs[column].dropna().astype(str).unique())
        if names:
            yield _term(one, many, names)
    versions: dict[str, set[str]] = {}
    for stated in provenance_of(runs):
        packages = stated.get("versions")
        own = {key: stated[key] for key in _OWN if key in stated}
        every = {**(packages if isinstance(packages, dict) else {}), **own}
        for name, version in every.items():
            versions.setdefault(str(name), set()).add(str(version))
    if versions:
        yield (
            "Versions",
            ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items())),
            "",
        )


_OWN = ("python", "platform")


def _term(one: str, many: str, names: list[str]) -> tuple[str, str, str]:
    shown = names[:_MOST_VALUES]
    more = f"and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return one if len(names) == 1 else many, join_text(shown), more


def _space(varied: Mapping[str, set[GroupValue]]) -> pd.DataFrame:
    rows = []
    for key, found in varied.items():
        ordered = sorted(found, key=sort_key)
        shown = [_value(key, value) for value in ordered[:_MOST_VALUES]]
        more = [f"and {len(ordered) - _MOST_VALUES:,} more"] if len(ordered) > _MOST_VALUES else []
        rows.append({"setting": key, "n_values": len(ordered), "values": ", ".join([*shown, *more])})
    return pd.DataFrame(rows)


def _shared(same: Mapping[str, GroupValue]) -> pd.DataFrame:
    return pd.DataFrame([{"setting": key, "value": _value(key, value)} for key, value in same.items()])


def _value(key: str, value: GroupValue) -> str:
    if isinstance(value, float) and (key == "learning_rate" or 0 < abs(value) < _SMALL):
        return format_tried_lr(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
