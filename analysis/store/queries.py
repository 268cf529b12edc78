"""The SQL of a snapshot. `{runs}`, `{metrics}` and so on stand for the tables, `{where}` for the compiled filter.

NaN is the largest number in DuckDB and is counted by avg and max, so whatever ranks or averages looks
at finite values only.
"""

# ruff: noqa: S608  built from the schema and from each other, never from outside text
from __future__ import annotations

from typing import Final

from analysis.store import schema

_RUN_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.RUNS)
_METRIC_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.METRICS)
_OBJECT_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.OBJECTS)
_IMPORT_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.IMPORTS)
_EVAL_COLUMNS: Final = ", ".join(f'e."{column.name}"' for column in schema.EVALS)

FEWEST_POINTS: Final = 5
"""First, last, and the lowest, highest and non-finite point of one stretch between them."""

_NEWEST: Final = f"""
newest AS (
    SELECT * REPLACE (min(created_at) OVER (PARTITION BY run_id) AS created_at)
    FROM {{runs}}
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
),
chosen AS (SELECT {_RUN_COLUMNS} FROM newest WHERE {{where}})
"""

# The attempt of a run's own row decides. Metrics of a later attempt may already be there (they are written first);
# they show as soon as the run's row says so.
_PICK_ATTEMPT: Final = """
    WHERE c.attempt IS NULL OR c.attempt = m.attempt
    QUALIFY row_number() OVER (PARTITION BY m.run_id ORDER BY m.attempt DESC) = 1
"""

# Order of logged values: by step, and of several for one step the one logged last, to the microsecond; a time that is
# missing or beyond all microseconds comes last. One number, because ordering by a pair takes twice as long.
_LAST: Final = f"step::HUGEINT * {2**63} + coalesce(TRY_CAST(wall_time * 1e6 AS BIGINT), {2**63 - 1})"

RUNS: Final = f"WITH {_NEWEST} SELECT * FROM chosen ORDER BY created_at, run_id"

RUN_ROWS: Final = f"""
SELECT {_RUN_COLUMNS} FROM {{runs}} WHERE run_id IN (SELECT unnest($run_ids))
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
"""

ROWS_OF_SOURCE: Final = f"""
SELECT {_RUN_COLUMNS} FROM {{runs}}
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1 AND source = $source
"""

# Every attempt: an importer must know what a killed one has already written.
LOGGED: Final = f"SELECT {_METRIC_COLUMNS} FROM {{metrics}} WHERE run_id IN (SELECT unnest($run_ids))"

SCORED: Final = f"SELECT {_EVAL_COLUMNS} FROM {{evals}} e WHERE run_id IN (SELECT unnest($run_ids))"

OBJECTS: Final = f"SELECT {_OBJECT_COLUMNS} FROM {{objects}} WHERE run_id IN (SELECT unnest($run_ids))"

IMPORTS: Final = f"""
SELECT {_IMPORT_COLUMNS} FROM {{imports}}
QUALIFY row_number() OVER (PARTITION BY kind, label ORDER BY seq DESC, imported_at DESC) = 1
ORDER BY kind, label
"""

METRIC_NAMES: Final = "SELECT DISTINCT name FROM {metrics} ORDER BY name"

CONFIG_KEYS: Final = "SELECT DISTINCT unnest(json_keys(config_json)) AS key FROM {runs} ORDER BY key"

METRIC_DIRECTIONS: Final = """
SELECT CAST(json_extract(provenance_json, '$.metric_directions') AS VARCHAR) AS directions, max(seq) AS seq
FROM {runs} WHERE json_extract(provenance_json, '$.metric_directions') IS NOT NULL
GROUP BY directions ORDER BY seq
"""

RESULTS: Final = f"""
WITH {_NEWEST},
by_attempt AS (
    SELECT run_id, attempt, arg_max(value, {_LAST}) AS value, max(step) AS value_step,
        count(*) AS n_logged, count(*) FILTER (NOT isfinite(value)) AS n_nonfinite
    FROM {{metrics}} WHERE name = $metric GROUP BY run_id, attempt
),
picked AS (SELECT m.* FROM by_attempt m JOIN chosen c USING (run_id) {_PICK_ATTEMPT})
SELECT chosen.*, picked.value, picked.value_step,
    coalesce(picked.n_logged, 0) AS n_logged, coalesce(picked.n_nonfinite, 0) AS n_nonfinite
FROM chosen LEFT JOIN picked USING (run_id)
ORDER BY created_at, run_id
"""

CURVES: Final = """
WITH attempts AS (SELECT run_id, arg_max(attempt, seq) AS attempt FROM {runs} GROUP BY run_id),
logged AS (
    SELECT m.*, coalesce(a.attempt, max(m.attempt) OVER (PARTITION BY m.run_id)) AS newest
    FROM {metrics} m LEFT JOIN attempts a USING (run_id)
    WHERE m.name = $metric AND list_contains($run_ids, m.run_id)
),
points AS (
    SELECT run_id, step, tokens_seen, wall_time, value
    FROM logged WHERE attempt = newest
    QUALIFY row_number() OVER (PARTITION BY run_id, step ORDER BY wall_time DESC NULLS LAST) = 1
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY step) - 1 AS i, count(*) OVER (PARTITION BY run_id) AS n
    FROM points
),
stretched AS (SELECT *, (i * $stretches) // n AS stretch, isfinite(value) AS finite FROM numbered),
marked AS (
    SELECT *,
        arg_min(i, value) FILTER (finite) OVER bucket AS lowest,
        arg_max(i, value) FILTER (finite) OVER bucket AS highest,
        min(i) FILTER (NOT finite) OVER bucket AS gap
    FROM stretched WINDOW bucket AS (PARTITION BY run_id, stretch)
)
SELECT run_id, step, tokens_seen, wall_time, value
FROM marked
WHERE n <= $max_points OR i IN (0, n - 1) OR i = lowest OR i = highest OR i = gap
ORDER BY run_id, step
"""

LATEST: Final = f"""
WITH {_NEWEST},
by_attempt AS (
    SELECT run_id, attempt, max(step) AS last_step, max(tokens_seen) AS tokens_seen, max(wall_time) AS wall_time,
        arg_max(value, step) FILTER (name = 'train_loss') AS train_loss,
        arg_max(value, step) FILTER (name = 'lr_now') AS lr_now,
        arg_max(value, step) FILTER (name = 'eval_loss') AS eval_loss
    FROM {{metrics}}
    WHERE name IN ('train_loss', 'lr_now', 'eval_loss') AND run_id IN (SELECT run_id FROM chosen)
    GROUP BY run_id, attempt
),
picked AS (SELECT m.* FROM by_attempt m JOIN chosen c USING (run_id) {_PICK_ATTEMPT})
SELECT run_id, last_step, p.tokens_seen, p.wall_time, train_loss, lr_now, eval_loss
FROM chosen LEFT JOIN picked p USING (run_id)
ORDER BY created_at, run_id
"""

EVALS: Final = f"""
WITH {_NEWEST},
ranked AS (
    SELECT e.*, coalesce(c.attempt, max(e.attempt) OVER (PARTITION BY e.run_id)) AS newest
    FROM {{evals}} e JOIN chosen c USING (run_id)
)
SELECT {_EVAL_COLUMNS} FROM ranked e WHERE attempt = newest ORDER BY run_id, benchmark, metric, step
"""

# The attempt that counts, as for results, but for every metric; `digest` is equal for equal steps and values.
METRIC_SUMMARIES: Final = f"""
WITH {_NEWEST},
by_attempt AS (
    SELECT run_id, attempt, name, count(*) AS n_logged, count(*) FILTER (NOT isfinite(value)) AS n_nonfinite,
        max(step) AS last_step, max(wall_time) AS last_wall_time,
        min(value) FILTER (isfinite(value)) AS lowest, max(value) FILTER (isfinite(value)) AS highest,
        CAST(bit_xor(hash(step, value)) AS VARCHAR) AS digest
    FROM {{metrics}} GROUP BY run_id, attempt, name
)
SELECT m.*, max(m.attempt) OVER (PARTITION BY m.run_id) AS last_attempt
FROM by_attempt m JOIN chosen c USING (run_id)
QUALIFY coalesce(c.attempt, max(m.attempt) OVER (PARTITION BY m.run_id)) = m.attempt
ORDER BY m.run_id, m.name
"""

PACES: Final = f"""
WITH {_NEWEST},
attempts AS (
    SELECT c.run_id, coalesce(c.attempt, max(m.attempt)) AS attempt
    FROM {{metrics}} m JOIN chosen c USING (run_id) WHERE m.name = $metric GROUP BY c.run_id, c.attempt
),
points AS (
    SELECT m.run_id, m.step, max(m.wall_time) AS wall_time, max(m.tokens_seen) AS tokens_seen
    FROM {{metrics}} m JOIN attempts a ON m.run_id = a.run_id AND m.attempt = a.attempt
    WHERE m.name = $metric GROUP BY m.run_id, m.step
),
moves AS (
    SELECT run_id, wall_time - lag(wall_time) OVER run AS seconds,
        (tokens_seen - lag(tokens_seen) OVER run) / (step - lag(step) OVER run) AS tokens
    FROM points WINDOW run AS (PARTITION BY run_id ORDER BY step)
)
SELECT run_id, count(*) FILTER (seconds < 0) AS n_time_back, count(*) FILTER (tokens < 0) AS n_tokens_back,
    CAST(median(tokens) AS DOUBLE) AS usual_tokens, CAST(max(tokens) AS DOUBLE) AS most_tokens
FROM moves GROUP BY run_id ORDER BY run_id
"""
