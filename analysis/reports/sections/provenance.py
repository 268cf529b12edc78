"""Provenance: runs, store versions, commits, command lines, and how to make the report again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from analysis.reports.evidence import Evidence
from analysis.reports.order import SECTIONS, ReportOrder
from analysis.reports.sections.what_was_run import provenance_of
from analysis.reports.types import Block, Code, Table, Terms
from analysis.store.schema import TABLES

_SHOWN: Final = ("commit", "git_commit", "git", "command", "command_line", "argv", "file", "file_sha256")
_RUN_COLUMNS: Final = ("run_id", "name", "status", "seed", "source", "attempt", "updated_at")
_IMPORT_COLUMNS: Final = ("kind", "label", "verdict", "rows_got", "rows_expected", "reason")


def provenance_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields where every number comes from."""
    store_id, _, versions = evidence.snapshot.key.partition(":")
    named = ", ".join(f"{name} {version}" for name, version in zip(TABLES, versions.split("."), strict=True))
    yield Terms(
        (("Store", store_id, ""), ("Table versions", named, "-1 is a table that is not there"), *_sources(evidence))
    )
    yield Code(command_of(evidence.order), "bash")
    runs = evidence.results[[*_RUN_COLUMNS]].sort_values("run_id", ignore_index=True)
    values = evidence.results.set_index("run_id")["value"]
    runs.insert(3, evidence.metric, values.reindex(runs["run_id"]).to_numpy())
    yield Table("run-list", "Every run", runs, is_folded=True)
    imports = evidence.snapshot.imports()
    imports = imports[imports["run_id"].isin(set(evidence.results["run_id"]))]
    if len(imports):
        columns = [name for name in _IMPORT_COLUMNS if imports[name].notna().any()]
        yield Table("imports", "What was imported, and how much of it arrived", imports[columns], is_folded=True)


def command_of(order: ReportOrder) -> str:
    """The command line that makes the same report again."""
    words = ["ucurve", "report"]
    if order.sweeps:
        words += ["--sweep", ",".join(order.sweeps)]
    for condition in order.where:
        words += ["--where", condition]
    if order.metric != "eval_loss":
        words += ["--metric", order.metric]
    if order.direction:
        words += ["--direction", order.direction]
    if set(order.sections) != set(SECTIONS):
        words += ["--sections", ",".join(order.sections)]
    return shlex.join([*words, "-o", "review.html"])


def _sources(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    found: dict[str, list[str]] = {}
    for stated in provenance_of(evidence.results):
        for key in _SHOWN:
            if key in stated:
                found.setdefault(key, []).append(_text(stated[key]))
    for key, texts in found.items():
        unique = list(dict.fromkeys(texts))
        more = f"and {len(unique) - _MOST:,} more" if len(unique) > _MOST else ""
        yield key, "; ".join(unique[:_MOST]), more


_MOST: Final = 8


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
