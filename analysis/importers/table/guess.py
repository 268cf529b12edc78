"""A first map of a table, from its headers and what stands below them; always shown before it counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from analysis.importers.table.cells import is_blank, to_text
from analysis.importers.table.column_facts import ColumnFacts, describe_columns
from analysis.importers.table.columns import fits_field
from analysis.importers.table.table_map import CONFIGURATION_FIELDS, TableMap
from analysis.importers.table.types import Table
from analysis.importers.table.words import (
    COUNTER_NAMES,
    FIELD_NAMES,
    HELD_OUT_WORDS,
    LOSS_WORDS,
    MEMORY_UNITS_BYTES,
    MEMORY_WORDS,
    METRIC_NAME_NAMES,
    METRIC_NAMES,
    METRIC_VALUE_NAMES,
    SPREAD_WORDS,
    STATUS_WORDS,
    STEP_NAMES,
    TIME_UNITS_S,
    TIME_WORDS,
    names_of,
    sounds_like_benchmark,
    sounds_measured,
    words_of,
)
from analysis.runs.direction import direction_of

_FEWEST_CURVE_COLUMNS: Final = 5
_HIGHEST_SHARE: Final = 1.5
"""A score above this is no share; up to 100 it is taken for percent."""
_SINCE_1990: Final = 631_152_000


def guess_map(table: Table) -> TableMap:
    """Returns a map that names every column it recognises; the others stay configuration.

    Times, memory, losses and scores become fields or metrics, never configuration. The map can be saved, corrected and
    given back; unchanged it means the same as no map.
    """
    return _Guess(table).make()


class _Guess:
    """One table, its columns that have no role yet, and the map so far."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.free = describe_columns(table)
        self.fields: dict[str, str] = {}
        self.metrics: dict[str, str] = {}
        self.evals: dict[str, str] = {}
        self.scale: dict[str, float] = {}
        self.roles: dict[str, object] = {}

    def make(self) -> TableMap:
        self._find_counters()
        self._find_shape()
        self._find_fields()
        self._find_curves()
        self._find_usage()
        self._find_metrics()
        self._find_scores()
        self._find_other_measures()
        directions = {metric: "max" for metric in self.metrics if direction_of(metric) == "max"}
        percent = {name: {"scale": 0.01} for name, header in self.evals.items() if self._is_percent(header)}
        found: dict[str, object] = {
            "fields": self.fields, "metrics": self.metrics, "directions": directions, "evals": self.evals,
            "eval_details": percent, "scale": self.scale, **self.roles,
        }  # fmt: skip
        self.free.clear()
        return TableMap.model_validate(found)

    @property
    def is_long(self) -> bool:
        return "step" in self.roles or "metric_name" in self.roles

    def _take(self, names: Iterable[str], fits: Callable[[ColumnFacts], bool]) -> str | None:
        """The free column whose header means the first of these names and that fits; it is no longer free."""
        for name in names:
            for header, facts in self.free.items():
                if name in names_of(header) and fits(facts):
                    return self._use(header)
        return None

    def _use(self, header: str) -> str:
        self.facts = self.free.pop(header)
        return header

    def _is_percent(self, header: str) -> bool:
        highest = self.highest.get(header)
        return highest is not None and _HIGHEST_SHARE < highest <= 100

    def _find_counters(self) -> None:
        self.highest = {header: facts.highest for header, facts in self.free.items()}
        rows = len(self.table.rows)
        counters = [
            self._use(header)
            for header, facts in list(self.free.items())
            if set(names_of(header)) & {*COUNTER_NAMES}
            and facts.kind == "whole numbers"
            and facts.n_distinct == facts.n_present == rows
            and facts.highest in (rows - 1, rows)
        ]
        if counters:
            self.roles["ignore"] = counters

    def _find_shape(self) -> None:
        """Which column names the run, and whether a row is a run or a step of one."""
        rows = len(self.table.rows)

        def whole(facts: ColumnFacts) -> bool:
            return facts.n_present == rows

        def steps(facts: ColumnFacts) -> bool:
            return facts.kind == "whole numbers" and whole(facts) and facts.n_distinct > 1

        name = self._one_of(METRIC_NAME_NAMES, lambda facts: facts.kind == "texts" and whole(facts))
        value = self._one_of(METRIC_VALUE_NAMES, lambda facts: facts.is_numeric)
        if name is not None and value is not None:
            self.roles |= {"metric_name": self._use(name), "metric_value": self._use(value)}
        run = self._one_of(FIELD_NAMES["run_id"], whole)
        unique = run is not None and self.free[run].n_distinct == rows
        step = self._one_of(STEP_NAMES, steps)
        if step is not None and not (unique and rows > 1):
            self.roles["step"] = self._use(step)
        if run is not None and (unique or self.is_long):
            self.fields["run_id"] = self._use(run)

    def _one_of(self, names: Iterable[str], fits: Callable[[ColumnFacts], bool]) -> str | None:
        found = self._take(names, fits)
        if found is not None:
            self.free[found] = self.facts
        return found

    def _find_fields(self) -> None:
        for field, names in FIELD_NAMES.items():
            if field == "run_id" or (field == "token_budget" and self.is_long):
                continue
            header = self._take(names, partial(self._can_be, field))
            if header is not None:
                self.fields[field] = header

    def _can_be(self, field: str, facts: ColumnFacts) -> bool:
        if facts.kind == "nothing":
            return False
        if field == "status":
            words = {str(to_text(cell)).lower() for cell in self.table.column(facts.header) if not is_blank(cell)}
            return 2 * len(words & STATUS_WORDS.keys()) >= len(words)
        if field == "name":
            return not self.is_long and facts.kind == "texts" and facts.n_distinct == len(self.table.rows)
        if field == "created_at":
            return facts.kind == "times" or (facts.is_numeric and (facts.lowest or 0) > _SINCE_1990)
        if self.is_long and field in CONFIGURATION_FIELDS and self._varies_in_runs(facts.header):
            return False  # a decayed rate, or tokens so far
        return fits_field(self.table, facts.header, TableMap.model_validate({}), field)

    def _varies_in_runs(self, header: str) -> bool:
        """Whether a column has several values inside a run, as far as runs can be told apart by now."""
        texts = [name for name, facts in self.free.items() if not facts.is_numeric]
        run = [self.fields["run_id"]] if "run_id" in self.fields else texts
        positions = [self.table.headers.index(name) for name in run if name != header]
        position = self.table.headers.index(header)
        seen: dict[tuple[str, ...], str] = {}
        for row in self.table.rows:
            if is_blank(row[position]):
                continue
            key = tuple(str(row[index]) for index in positions)
            if seen.setdefault(key, str(row[position])) != str(row[position]):
                return "run_id" in self.fields or header_is_no_setting(header)
        return False

    def _find_curves(self) -> None:
        """Columns that are called alike and end in 0, 1, 2 ...: one metric at one step each."""
        series: dict[str, list[str]] = defaultdict(list)
        for header, facts in self.free.items():
            found = re.fullmatch(r"(.*?)([0-9]{1,9})", header)
            if found and facts.kind in ("numbers", "whole numbers", "nothing") and not sounds_like_benchmark(header):
                series[found[1]].append(header)
        curves: dict[str, str] = {}
        for prefix, headers in series.items():
            if len(headers) >= _FEWEST_CURVE_COLUMNS:
                metric = _curve_metric(prefix)
                curves[metric if metric not in curves else prefix] = f"{prefix}{{step}}"
                for header in headers:
                    self._use(header)
        if curves:
            self.roles["curves"] = curves

    def _find_usage(self) -> None:
        """Time and memory, with the factor from their unit."""
        for field, kinds, units, best in (
            ("wall_s", TIME_WORDS, TIME_UNITS_S, ("wall", "train", "runtime", "total", "elapsed")),
            ("peak_memory_bytes", MEMORY_WORDS, MEMORY_UNITS_BYTES, ("max", "peak")),
        ):
            found = [header for header, facts in self.free.items() if facts.is_numeric and kinds & {*words_of(header)}]
            ranked = sorted(found, key=partial(_rank, best=best))
            for header in ranked:
                unit = next((units[word] for word in reversed(words_of(header)) if word in units), None)
                if unit is None and field == "peak_memory_bytes":
                    continue
                self.fields[field] = self._use(header)
                if unit not in (None, 1.0):
                    self.scale[field] = unit if unit is not None else 1.0
                break

    def _find_metrics(self) -> None:
        for metric, names in METRIC_NAMES.items():
            taken = metric in self._curve_names()
            header = None if taken else self._take(names, lambda facts: facts.is_numeric)
            if header is None and not taken and metric == "eval_loss":
                header = self._any_held_out_loss()
            if header is not None:
                self.metrics[metric] = header

    def _any_held_out_loss(self) -> str | None:
        for header, facts in self.free.items():
            words = {*words_of(header)}
            held_out = words & LOSS_WORDS and words & HELD_OUT_WORDS and not words & SPREAD_WORDS
            if facts.is_numeric and held_out:
                return self._use(header)
        return None

    def _curve_names(self) -> Sequence[str]:
        curves = self.roles.get("curves")
        return list(curves) if isinstance(curves, Mapping) else []

    def _find_scores(self) -> None:
        for header in [name for name, facts in self.free.items() if facts.is_numeric and sounds_like_benchmark(name)]:
            self.evals[_label(header)] = self._use(header)

    def _find_other_measures(self) -> None:
        """Everything else that comes out of a run is a metric under its own header."""
        for header, facts in list(self.free.items()):
            measured = sounds_measured(header) or (self.is_long and self._varies_in_runs(header))
            if facts.is_numeric and measured:
                name = "lr_now" if {"lr", "learning_rate"} & {*names_of(header)} else _label(header)
                self.metrics[name if name not in self.metrics else header] = self._use(header)


def header_is_no_setting(header: str) -> bool:
    """Whether a header is not the name of a known setting, so that a column that varies may be a measurement."""
    names = {name for field in CONFIGURATION_FIELDS for name in FIELD_NAMES.get(field, ())} | {*FIELD_NAMES["seed"]}
    return not names & {*names_of(header)}


def _curve_metric(prefix: str) -> str:
    words = {*words_of(prefix)}
    if {"train", "training"} & words:
        return "train_loss"
    if not words or {"loss", "nll"} & words or words <= {"v", "val", "valid", "eval", "y"}:
        return "eval_loss"
    return prefix.rstrip("_-. ") or "curve"


def _rank(header: str, best: Sequence[str]) -> tuple[int, str]:
    words = words_of(header)
    return next((index for index, word in enumerate(best) if word in words), len(best)), header


def _label(header: str) -> str:
    return header[:200]
