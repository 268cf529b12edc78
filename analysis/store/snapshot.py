"""One consistent view of a store: DuckDB over the file lists of one version of each table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from analysis.errors import FilterError
from analysis.store import queries
from analysis.store.agreed_sql import agreed_columns, candidate_lists
from analysis.store.agreements import METRIC, Agreements
from analysis.store.annotations import Annotation
from analysis.store.conditions import Condition
from analysis.store.duck import MissingFileError, Parameter, fetch, source
from analysis.store.frames import to_frame
from analysis.store.schema import EVAL_ITEMS, FILTERABLE, TABLES, Direction, arrow_schema, column_named
from analysis.store.tables import TableState
from analysis.store.where import Where, compile_where


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """The store, table versions and files that a snapshot reads."""

    store_id: str
    tables: Mapping[str, TableState]

    @property
    def versions(self) -> tuple[int, int, int]:
        """Versions of runs, metrics and evals."""
        return (self.tables["runs"].version, self.tables["metrics"].version, self.tables["evals"].version)


class Snapshot:
    """What a store held at one moment. Cheap to make, safe to use from several threads.

    Every method reads the same versions, so tables of one snapshot fit together. Should a compaction have removed
    a file meanwhile (a snapshot kept for longer than the grace time), it moves on to the newest versions, once a read.
    """

    def __init__(
        self, state: SnapshotState, connection: duckdb.DuckDBPyConnection, renew: Callable[[], SnapshotState]
    ) -> None:
        self._state = state
        self._connection = connection
        self._renew = renew
        self._agreements: Agreements | None = None

    @property
    def versions(self) -> tuple[int, int, int]:
        """Versions of runs, metrics and evals."""
        return self._state.versions

    @property
    def key(self) -> str:
        """Cache key of everything computed from this snapshot: the store's id and the versions.

        The versions alone would mistake a store for its predecessor in the same folder.
        """
        return self.key_of(*TABLES)

    def key_of(self, *tables: str) -> str:
        """The same for what is computed from these tables alone: it outlives commits to the others."""
        versions = (str(self._state.tables[name].version) for name in tables)
        return f"{self._state.store_id}:{'.'.join(versions)}"

    @property
    def agreements(self) -> Agreements:
        """What counts as what: the rules for metric names, and what the user has agreed to."""
        if self._agreements is None:
            has_some = bool(self._state.tables["agreements"].files)
            said = self.query(queries.AGREEMENTS).to_pylist() if has_some else ()
            self._agreements = Agreements.from_rows(said)
        return self._agreements

    def runs(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """The newest row of every run, one row per run, sorted by `created_at`, `run_id`.

        Columns are those of `schema.RUNS` with fixed dtypes, then `starred` (boolean) and `n_notes` (Int64) of the
        run's annotations; `tags` holds its own, its annotations' and those of its sweep's annotations.
        `created_at` is the earliest that any row of the run has.
        Values that were agreed to count as others stand as those, here and in all that filters; `run_rows` has what is
        stored.

        Raises:
            FilterError: a condition names neither a column nor a configuration key.
        """
        return self._read(queries.RUNS, self._where(where))

    def metric_names(self) -> list[str]:
        """Names of all logged metrics, sorted: the aligned ones, and those that are not aligned.

        A name that counts as another one is left out, but for runs that logged both.
        """
        logged = self.logged_names()
        every = self.agreements.candidates()
        candidates = [each for found in (every.usual, *every.by_source.values()) for each in found]
        if not any(each.name != each.metric for each in candidates if each.name in logged):
            return logged
        names = sorted({each.name for each in candidates} & set(logged))
        aligned = self._read(queries.METRIC_NAMES, None, names_logged=names, **candidate_lists(every))["name"]
        return sorted({*aligned.astype(str), *logged} - ({*names} - {*aligned.astype(str)}))

    def logged_names(self) -> list[str]:
        """Names of all logged metrics as they were logged, sorted."""
        return [str(name) for name in self._read(queries.LOGGED_NAMES)["name"]]

    def config_keys(self) -> list[str]:
        """Top-level keys of the runs' configurations, sorted: with the columns, what can be filtered by."""
        return [str(key) for key in self._read(queries.CONFIG_KEYS)["key"]]

    def metric_directions(self) -> dict[str, Direction]:
        """Metric -> `min` or `max`, as imports declared it in `provenance_json`; the newest declaration counts.

        The names that the metrics count as have the same direction.
        """
        declared: dict[str, Direction] = {}
        for text in self._read(queries.METRIC_DIRECTIONS)["directions"]:
            found = json.loads(text)
            if isinstance(found, dict):
                declared |= {metric: better for metric, better in found.items() if better in ("min", "max")}
        return self.agreements.aligned_directions(declared)

    def results(self, metric: str, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """The last logged value of `metric`, one row per run, with all columns of `runs()`.

        Further columns: `value` (float64, NaN and infinities as logged), `value_step` (Int64), `n_logged` and
        `n_nonfinite` (int64), `logged_as`: the name under which the run logged it, by the rules of `name_rules` and by
        what the user agreed to; `agreed_on`: the columns (and `metric`) in which the row follows an agreement, as text.
        A run that never logged the metric has `n_logged` 0, `value` NaN, `value_step` and `logged_as` missing.
        Only the newest attempt counts: the one that the run's row names, else the highest that logged the metric.

        Raises:
            FilterError: as `runs`.
        """
        frame = self._read(queries.RESULTS, self._where(where), **self._names_of(metric))
        said = {each.value for each in self.agreements.about(METRIC) if not each.is_rule} - {metric}
        if said:
            on_metric = frame["logged_as"].isin(said)
            frame["agreed_on"] = frame["agreed_on"].mask(on_metric, "metric" + (", " + frame["agreed_on"]).fillna(""))
        return frame.astype({"n_logged": "int64", "n_nonfinite": "int64"})

    def curves(self, run_ids: Sequence[str], metric: str, *, max_points: int = 2000) -> pd.DataFrame:
        """Curves of `metric`, under whichever name as for `results`: `run_id, step, tokens_seen, wall_time, value`.

        Sorted by run and step. Only the newest attempt; of several values for one step the one logged last. A run with
        more than `max_points` keeps the first and the last point and, of each stretch of steps, the lowest, the highest
        and one non-finite value, so neither spikes nor gaps get lost.

        Raises:
            ValueError: `max_points` is below 5.
        """
        if max_points < queries.FEWEST_POINTS:
            raise ValueError(f"max_points must be at least {queries.FEWEST_POINTS}, got {max_points}")
        stretches = (max_points - 2) // 3
        frame = self._read(
            queries.CURVES,
            None,
            run_ids=list(run_ids),
            max_points=max_points,
            stretches=stretches,
            **self._names_of(metric),
        )
        return frame.astype({"step": "int64"})

    def metric_summaries(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """What each run logged, one row per run and metric, in the attempt that its row names (else its highest).

        Columns: `run_id, attempt, name, n_logged, n_nonfinite, last_step, last_wall_time` (seconds), `lowest` and
        `highest` finite value, `digest` (equal where all steps and values are), `last_attempt` (highest with rows),
        `logged_as` (its name as logged; `name` is what it counts as). Of several names of one metric in a run, the
        first stands for it and the others keep their own, if that is another.

        Raises:
            FilterError: as `runs`.
        """
        return self._read(queries.METRIC_SUMMARIES, self._where(where), **candidate_lists(self.agreements.candidates()))

    def paces(self, metric: str, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """How time and tokens move along the steps of a metric, one row per run that logged it.

        Columns: `run_id`, `n_time_back` and `n_tokens_back` (steps with an earlier time or fewer tokens than the step
        before), `usual_tokens` and `most_tokens` (median and largest number of tokens a step; missing below two).

        Raises:
            FilterError: as `runs`.
        """
        return self._read(queries.PACES, self._where(where), **self._names_of(metric))

    def latest(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """Live progress, one row per run: the newest attempt's last values.

        Columns: `run_id, last_step, tokens_seen, wall_time, train_loss, lr_now, eval_loss`; missing before the first
        flush. Sorted as `runs`.

        Raises:
            FilterError: as `runs`.
        """
        return self._read(queries.LATEST, self._where(where), **self._names_of(*queries.LATEST_METRICS))

    def evals(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """Benchmark scores of the runs' newest attempts: the columns of `schema.EVALS`, one row per score.

        Raises:
            FilterError: as `runs`.
        """
        return self._read(queries.EVALS, self._where(where))

    def run_rows(self, run_ids: Sequence[str]) -> dict[str, dict[str, object]]:
        """The newest row of each of these runs as plain values, without its nulls; unknown runs are left out."""
        return _by_run_id(self.query(queries.RUN_ROWS, run_ids=list(run_ids)))

    def stored_values(self, column: str) -> pd.DataFrame:
        """What each run has in one column, whatever was agreed: columns `source` and `value`, one row per run."""
        return self._read(queries.STORED_VALUES.replace("{column}", column))

    def agreement_seqs(self) -> dict[str, int]:
        """The last `seq` of each agreement."""
        return {row["agreement_id"]: row["seq"] for row in self.query(queries.AGREEMENTS).to_pylist()}

    def rows_of_source(self, source: str) -> dict[str, dict[str, object]]:
        """The newest row of each run of one source, as `run_rows`."""
        return _by_run_id(self.query(queries.ROWS_OF_SOURCE, source=source))

    def logged(self, run_ids: Sequence[str]) -> pa.Table:
        """Everything these runs logged in any attempt: the columns of `schema.METRICS`, in no order."""
        return self.query(queries.LOGGED, run_ids=list(run_ids))

    def scored(self, run_ids: Sequence[str]) -> pa.Table:
        """Every benchmark score of these runs in any attempt: the columns of `schema.EVALS`, in no order."""
        return self.query(queries.SCORED, run_ids=list(run_ids))

    def objects(self, run_ids: Sequence[str]) -> pa.Table:
        """What these runs logged in any attempt that is no number: the columns of `schema.OBJECTS`, in no order."""
        return self.query(queries.OBJECTS, run_ids=list(run_ids))

    def eval_items(self, run_ids: Sequence[str], benchmark: str | None = None) -> pa.Table:
        """Scores by item in these runs' newest attempts: the columns of `schema.EVAL_ITEMS`, in no order.

        Args:
            run_ids: the runs.
            benchmark: only this one.
        """
        if not self._state.tables["eval_items"].files:  # the usual case, asked for once per group and benchmark
            return arrow_schema(EVAL_ITEMS).empty_table()
        return self.query(queries.EVAL_ITEMS, run_ids=list(run_ids), benchmark=benchmark)

    def imports(self) -> pd.DataFrame:
        """The newest word on everything that was imported, one row per kind and label, sorted by them.

        Columns are those of `schema.IMPORTS` with fixed dtypes.
        """
        return self._read(queries.IMPORTS)

    def annotations(self) -> list[Annotation]:
        """The newest act on each annotation, those taken back included; by subject, then in the order of the acts."""
        if not self._state.tables["annotations"].files:
            return []
        return [Annotation.from_row(row) for row in self.query(queries.ANNOTATIONS).to_pylist()]

    def subjects(self) -> list[dict[str, object]]:
        """`run_id`, `sweep_id` and `tags` as stored of every run."""
        found: list[dict[str, object]] = self.query(queries.SUBJECTS).to_pylist()
        return found

    def query(self, sql: str, **parameters: Parameter) -> pa.Table:
        """Result of one of the store's own queries; not for text from outside."""
        try:
            return self._fetch(sql, parameters)
        except MissingFileError:
            self._state, self._agreements = self._renew(), None
            return self._fetch(sql, parameters)

    def _read(self, sql: str, where: Where | None = None, **parameters: Parameter) -> pd.DataFrame:
        where = where or Where()
        # Reading the metrics of chosen runs alone takes a third of the time where a filter leaves few runs, and a fifth
        # more where all pass.
        narrowed = queries.OF_CHOSEN if where.parameters else "true"
        sql = sql.replace("{where}", where.sql).replace("{narrowed}", narrowed)
        return to_frame(self.query(sql, **where.parameters, **parameters))

    def _fetch(self, sql: str, parameters: Mapping[str, Parameter]) -> pa.Table:
        """Runs `sql`, the `{table}` of each table replaced by the relation over this snapshot's files."""
        bound = dict(parameters)
        has_annotations = bool(self._state.tables["annotations"].files)
        sql = sql.replace("{annotated}", queries.ANNOTATED if has_annotations else queries.UNANNOTATED)
        if "{agreed}" in sql:
            agreed = agreed_columns(self.agreements)
            sql = sql.replace("{agreed}", agreed.replaced).replace("{agreed_on}", agreed.changed)
            bound |= agreed.parameters
        for name, columns in TABLES.items():
            if f"{{{name}}}" not in sql:
                continue
            table = self._state.tables[name]
            files = list(table.files)
            sql = sql.replace(f"{{{name}}}", source(name, columns, n_files=len(files), stored=table.columns))
            if files:
                bound[f"{name}_files"] = files
        return fetch(self._connection, sql, bound)

    def _names_of(self, *metrics: str) -> dict[str, Parameter]:
        return candidate_lists(self.agreements.candidates(metrics))

    def _where(self, conditions: Sequence[Condition]) -> Where:
        unknown = [each.column for each in conditions if column_named(FILTERABLE, each.column) is None]
        if unknown:
            self._check_config_keys(unknown)
        return compile_where(conditions)

    def _check_config_keys(self, names: Sequence[str]) -> None:
        """An empty store knows no keys, so any key may be asked for: nothing is the right answer there."""
        known = set(self.config_keys())
        missing = [name for name in names if name not in known]
        if missing and (known or not self._read(queries.RUNS, Where()).empty):
            columns = sorted(known | {column.name for column in FILTERABLE})
            raise FilterError(f"there is no column {missing[0]!r} to filter by; there are: {', '.join(columns)}")


def _by_run_id(rows: pa.Table) -> dict[str, dict[str, object]]:
    return {row["run_id"]: {key: value for key, value in row.items() if value is not None} for row in rows.to_pylist()}
