"""Rows, columns and cells of a benchmark matrix: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.runs.configuration import GroupValue

Floats = NDArray[np.float64]
By = Literal["run", "trial"]
Step = Literal["latest", "best"] | int
Normalisation = Literal["chance", "z"]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something about the measurements that a reader must know.

    Attributes:
        kind: `metric`, `protocol`, `items`, `contamination`, `step`, `duplicate`, `nonfinite`, `selection`, `chance`,
            `direction`, `unknown_chance`, `unbounded`, `break`, `uneven` or `simpson`.
        text: One sentence.
        columns: Keys of the columns it is about.
        rows: Keys of the rows it is about.
    """

    kind: str
    text: str
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Returns the flag under its documented JSON keys."""
        return {"kind": self.kind, "text": self.text, "columns": list(self.columns), "rows": list(self.rows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """One run, or one trial over its seeds.

    Attributes:
        key: The run's id, or the trial's key.
        name: Short text that tells it from the other rows.
        config: The hyperparameters that vary between the rows.
        run_ids: Its runs that have a score.
        is_base: Whether it is the un-tuned base model.
    """

    key: str
    name: str
    config: Mapping[str, GroupValue]
    run_ids: tuple[str, ...]
    is_base: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkColumn:
    """One benchmark, measured in one way.

    Attributes:
        key: Its name; with what tells it from the others where a benchmark was measured in several ways.
        benchmark: Name of the benchmark.
        metric: Which of its metrics.
        higher_is_better: Direction of the metric.
        chance_level: Score of guessing, in the unit of the scores; None when nobody said.
        scale: Score of a perfect answer sheet, 1 or 100; None when scores have no such bound.
        n_items: Items behind each score; None when unknown.
        harness: Program that measured; None when unknown.
        harness_version: Its version, likewise.
        items_digest: Digest of the items, likewise: equal digests mean the same questions.
        seed_sd: Run-to-run standard deviation, pooled over the trials with several runs; None without any.
        seed_dof: Degrees of freedom behind it.
        at_chance: Whether no row is significantly above chance; None when the chance level or the errors are unknown.
    """

    key: str
    benchmark: str
    metric: str
    higher_is_better: bool
    chance_level: float | None
    scale: float | None
    n_items: int | None
    harness: str | None
    harness_version: str | None
    items_digest: str | None
    seed_sd: float | None
    seed_dof: int
    at_chance: bool | None

    @property
    def sign(self) -> float:
        """1 where higher scores are better, else -1."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def best(self) -> float | None:
        """The best possible score; None when there is no bound on that side."""
        return self.scale if self.higher_is_better else None if self.scale is None else 0.0

    @property
    def floor(self) -> float | None:
        """The score of guessing; where it is unknown, of answering nothing right. None when there is no bound."""
        if self.chance_level is not None or self.scale is None:
            return self.chance_level
        return 0.0 if self.higher_is_better else self.scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchmarkMatrix:
    """Scores of rows (runs or trials) on columns (benchmarks); every array has the shape (n_rows, n_columns).

    Attributes:
        by: What a row is.
        step: Which evaluation of a run counts.
        rows: In the order of the runs table.
        columns: By name.
        scores: As reported, the mean over the runs of a trial; NaN where nothing was measured.
        stderr: Item error of the score; NaN where unknown. Run-to-run noise is not in it.
        seed_sd: Standard deviation between the runs of a trial (ddof=1); NaN below two.
        n_runs: Runs behind the score.
        n_items: Items behind it; NaN where unknown.
        steps: Step of the (last) evaluation behind it; NaN where nothing was measured.
        unstated: Whether the score leaves open what other scores of its column say of how they were measured.
        n_unscored_runs: Runs in view that have no score at all; they make no row.
        measurements: What the cells were folded from: run_id, trial, column (position), step, score; one row per run
            and column.
        flags: What to know about it.
    """

    by: By
    step: Step
    rows: tuple[BenchmarkRow, ...]
    columns: tuple[BenchmarkColumn, ...]
    scores: Floats
    stderr: Floats
    seed_sd: Floats
    n_runs: NDArray[np.int64]
    n_items: Floats
    steps: Floats
    unstated: NDArray[np.bool_]
    n_unscored_runs: int
    measurements: pd.DataFrame
    flags: tuple[Flag, ...]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where nothing was measured."""
        return np.isnan(self.scores)

    @property
    def signs(self) -> Floats:
        """1 for columns whose higher scores are better, else -1; shape (n_columns,)."""
        return np.array([column.sign for column in self.columns], dtype=float)

    def row_index(self, key: str) -> int | None:
        """Returns the position of the row with a key or, when only one row has it, a name; else None."""
        for position, row in enumerate(self.rows):
            if row.key == key:
                return position
        named = [position for position, row in enumerate(self.rows) if row.name == key]
        return named[0] if len(named) == 1 else None
