"""The SQL of a snapshot. `{runs}`, `{metrics}` and so on stand for the tables, `{where}` for the compiled filter.

`{narrowed}` skips metrics of runs that the filter leaves out. `{agreed}` stands for the columns of runs whose values
count as others, `{agreed_on}` for the names of these columns.

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
_ANNOTATED_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.ANNOTATED)
_ANNOTATION_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.ANNOTATIONS)
_AGREEMENT_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in schema.AGREEMENTS)
_ITEM_COLUMNS: Final = ", ".join(f'e."{column.name}"' for column in schema.EVAL_ITEMS)
_EVAL_COLUMNS: Final = ", ".join(f'e."{column.name}"' for column in schema.EVALS)

LATEST_METRICS: Final = ("train_loss", "lr_now", "eval_loss")
_RANKS: Final = 1_000_000
"""More than there are names for one metric."""
FEWEST_POINTS: Final = 5
"""First, last, and the lowest, highest and non-finite point of one stretch between them."""

_NEWEST: Final = f"""
newest AS (
    SELECT * REPLACE (min(created_at) OVER (PARTITION BY run_id) AS created_at{{agreed}}), {{agreed_on}} AS agreed_on
    FROM {{runs}}
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
),
annotated AS ({{annotated}}),
chosen AS (SELECT {_RUN_COLUMNS}, {_ANNOTATED_COLUMNS}, agreed_on FROM annotated WHERE {{where}})
"""

UNANNOTATED: Final = "SELECT *, false AS starred, 0::BIGINT AS n_notes, NULL::VARCHAR[] AS notes FROM newest"

# The newest act on an annotation counts. Tags of a sweep hold for its runs; taking back a tag of the run's own row
# hides it. Tags of the row keep their order, annotated ones follow sorted.
ANNOTATED: Final = """
WITH acts AS (
    SELECT * FROM {annotations}
    QUALIFY row_number() OVER (PARTITION BY annotation_id ORDER BY seq DESC, created_at DESC, active DESC) = 1
),
said AS (
    SELECT subject_kind, subject_id,
        coalesce(list(text) FILTER (kind = 'tag' AND active), []) AS tags,
        coalesce(list(text) FILTER (kind = 'tag' AND NOT active), []) AS taken_back,
        bool_or(kind = 'star' AND active) AS starred,
        count(*) FILTER (kind = 'note' AND active) AS n_notes,
        list(text ORDER BY seq, annotation_id) FILTER (kind = 'note' AND active) AS notes
    FROM acts WHERE subject_kind IN ('run', 'sweep') GROUP BY ALL
),
of_runs AS (SELECT * FROM said WHERE subject_kind = 'run'),
of_sweeps AS (SELECT * FROM said WHERE subject_kind = 'sweep'),
joined AS (
    SELECT n.*, coalesce(r.starred, false) AS starred, coalesce(r.n_notes, 0) AS n_notes, r.notes AS notes,
        [t FOR t IN coalesce(n.tags, []) IF NOT list_contains(coalesce(r.taken_back, []), t)] AS kept,
        list_sort(list_distinct(list_concat(coalesce(r.tags, []), coalesce(s.tags, [])))) AS more
    FROM newest n
    LEFT JOIN of_runs r ON r.subject_id = n.run_id LEFT JOIN of_sweeps s ON s.subject_id = n.sweep_id
)
SELECT * EXCLUDE (kept, more)
    REPLACE (nullif(list_concat(kept, [t FOR t IN more IF NOT list_contains(kept, t)]), []) AS tags)
FROM joined
"""

# The names under which the metrics asked for may have been logged. `class` tells sources apart for which others hold.
_CANDIDATES: Final = """
candidates AS (
    SELECT unnest($classes) AS class, unnest($metrics) AS metric, unnest($names) AS name, unnest($ranks) AS rank
),
classes AS (SELECT unnest($sources::VARCHAR[]) AS source, unnest($source_classes::BIGINT[]) AS class)
"""
_IS_CANDIDATE: Final = "name IN (SELECT unnest($names))"

# The attempt of a run's own row decides. Metrics of a later attempt may already be there (they are written first);
# they show as soon as the run's row says so. Inside it the first of the names under which the run logged the metric.
_PICK: Final = """
    WHERE c.attempt IS NULL OR c.attempt = m.attempt
    QUALIFY row_number() OVER (PARTITION BY m.run_id ORDER BY m.attempt DESC, k.rank) = 1
"""
_OF_CHOSEN: Final = """
    JOIN (SELECT run_id, attempt, coalesce(class, 0) AS class FROM chosen LEFT JOIN classes USING (source)) c
        USING (run_id)
    JOIN candidates k ON k.name = m.name AND k.class = c.class
"""

OF_CHOSEN: Final = "run_id IN (SELECT run_id FROM chosen)"

# Order of logged values: by step, and of several for one step the one logged last, to the microsecond; a time that is
# missing or beyond all microseconds comes last. One number, because ordering by a pair takes twice as long.
_LAST: Final = f"step::HUGEINT * {2**63} + coalesce(TRY_CAST(wall_time * 1e6 AS BIGINT), {2**63 - 1})"

RUNS: Final = f"WITH {_NEWEST} SELECT * EXCLUDE agreed_on FROM chosen ORDER BY created_at, run_id"

ANNOTATIONS: Final = f"""
SELECT {_ANNOTATION_COLUMNS} FROM {{annotations}}
QUALIFY row_number() OVER (PARTITION BY annotation_id ORDER BY seq DESC, created_at DESC, active DESC) = 1
ORDER BY subject_kind, subject_id, kind, seq, annotation_id
"""

SUBJECTS: Final = """
SELECT run_id, sweep_id, tags FROM {runs}
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
ORDER BY run_id
"""

RUN_ROWS: Final = f"""
SELECT {_RUN_COLUMNS} FROM {{runs}} WHERE run_id IN (SELECT unnest($run_ids))
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
"""

STORED_VALUES: Final = """
SELECT source, "{column}" AS value FROM {runs}
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

LOGGED_NAMES: Final = "SELECT DISTINCT name FROM {metrics} ORDER BY name"

# Which candidates the runs would show as which metric; those that another one goes before stay under their own name.
METRIC_NAMES: Final = f"""
WITH {_CANDIDATES},
sources AS (SELECT run_id, arg_max(source, seq) AS source FROM {{runs}} GROUP BY run_id),
logged AS (
    SELECT m.*, coalesce(class, 0) AS class
    FROM (SELECT DISTINCT run_id, name FROM {{metrics}} WHERE name IN (SELECT unnest($names_logged))) m
    LEFT JOIN sources USING (run_id) LEFT JOIN classes USING (source)
),
ranked AS (
    SELECT m.*, k.metric, row_number() OVER (PARTITION BY m.run_id, k.metric ORDER BY k.rank) AS place
    FROM logged m LEFT JOIN candidates k ON k.name = m.name AND k.class = m.class
)
SELECT DISTINCT CASE WHEN place = 1 THEN coalesce(metric, name) ELSE name END AS name FROM ranked ORDER BY name
"""

AGREEMENTS: Final = f"""
SELECT {_AGREEMENT_COLUMNS}, min(seq) OVER (PARTITION BY agreement_id) AS first_seq FROM {{agreements}}
QUALIFY row_number() OVER (PARTITION BY agreement_id ORDER BY seq DESC, updated_at DESC) = 1
ORDER BY first_seq, agreement_id
"""

CONFIG_KEYS: Final = "SELECT DISTINCT unnest(json_keys(config_json)) AS key FROM {runs} ORDER BY key"

METRIC_DIRECTIONS: Final = """
SELECT CAST(json_extract(provenance_json, '$.metric_directions') AS VARCHAR) AS directions, max(seq) AS seq
FROM {runs} WHERE json_extract(provenance_json, '$.metric_directions') IS NOT NULL
GROUP BY directions ORDER BY seq
"""

RESULTS: Final = f"""
WITH {_NEWEST}, {_CANDIDATES},
by_name AS (
    SELECT run_id, attempt, name, arg_max(value, {_LAST}) AS value, max(step) AS value_step,
        count(*) AS n_logged, count(*) FILTER (NOT isfinite(value)) AS n_nonfinite
    FROM {{metrics}} WHERE {_IS_CANDIDATE} AND {{narrowed}} GROUP BY run_id, attempt, name
),
picked AS (SELECT m.* FROM by_name m {_OF_CHOSEN} {_PICK})
SELECT chosen.* EXCLUDE agreed_on, picked.value, picked.value_step,
    coalesce(picked.n_logged, 0) AS n_logged, coalesce(picked.n_nonfinite, 0) AS n_nonfinite, picked.name AS logged_as,
    agreed_on
FROM chosen LEFT JOIN picked USING (run_id)
ORDER BY created_at, run_id
"""

CURVES: Final = f"""
WITH {_CANDIDATES},
attempts AS (
    SELECT run_id, attempt, coalesce(class, 0) AS class
    FROM (SELECT run_id, arg_max(attempt, seq) AS attempt, arg_max(source, seq) AS source FROM {{runs}} GROUP BY run_id)
    LEFT JOIN classes USING (source)
),
logged AS (
    SELECT m.*, m.attempt * {_RANKS} - k.rank AS place
    FROM {{metrics}} m LEFT JOIN attempts a USING (run_id)
    JOIN candidates k ON k.name = m.name AND k.class = coalesce(a.class, 0)
    WHERE m.{_IS_CANDIDATE} AND list_contains($run_ids, m.run_id) AND (a.attempt IS NULL OR a.attempt = m.attempt)
    QUALIFY place = max(place) OVER (PARTITION BY m.run_id)
),
points AS (
    SELECT run_id, step, tokens_seen, wall_time, value
    FROM logged
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
WITH {_NEWEST}, {_CANDIDATES},
by_name AS (
    SELECT run_id, attempt, name, max(step) AS last_step, max(tokens_seen) AS tokens_seen, max(wall_time) AS wall_time,
        arg_max(value, step) AS value
    FROM {{metrics}} WHERE {_IS_CANDIDATE} AND run_id IN (SELECT run_id FROM chosen) GROUP BY run_id, attempt, name
),
ranked AS (
    SELECT m.*, k.metric, row_number() OVER (PARTITION BY m.run_id, m.attempt, k.metric ORDER BY k.rank) AS place
    FROM by_name m {_OF_CHOSEN} WHERE c.attempt IS NULL OR c.attempt = m.attempt
),
picked AS (
    SELECT run_id, max(last_step) AS last_step, max(tokens_seen) AS tokens_seen, max(wall_time) AS wall_time,
        {", ".join(f"max(value) FILTER (place = 1 AND metric = '{name}') AS {name}" for name in LATEST_METRICS)}
    FROM ranked GROUP BY run_id, attempt
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY attempt DESC) = 1
)
SELECT run_id, last_step, p.tokens_seen, p.wall_time, {", ".join(LATEST_METRICS)}
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

# The attempt that counts as for evals.
EVAL_ITEMS: Final = f"""
WITH attempts AS (
    SELECT run_id, attempt FROM {{runs}}
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
),
ranked AS (
    SELECT e.*, coalesce(a.attempt, max(e.attempt) OVER (PARTITION BY e.run_id)) AS newest
    FROM {{eval_items}} e LEFT JOIN attempts a USING (run_id)
    WHERE e.run_id IN (SELECT unnest($run_ids)) AND ($benchmark IS NULL OR e.benchmark = $benchmark)
)
SELECT {_ITEM_COLUMNS} FROM ranked e WHERE attempt = newest
"""

# The attempt that counts, as for results, but for every metric; `digest` is equal for equal steps and values. A name
# that another one goes before in its run stays what it is.
METRIC_SUMMARIES: Final = f"""
WITH {_NEWEST}, {_CANDIDATES},
by_name AS (
    SELECT run_id, attempt, name, count(*) AS n_logged, count(*) FILTER (NOT isfinite(value)) AS n_nonfinite,
        max(step) AS last_step, max(wall_time) AS last_wall_time,
        min(value) FILTER (isfinite(value)) AS lowest, max(value) FILTER (isfinite(value)) AS highest,
        CAST(bit_xor(hash(step, value)) AS VARCHAR) AS digest
    FROM {{metrics}} WHERE {{narrowed}} GROUP BY run_id, attempt, name
),
counted AS (
    SELECT m.*, max(m.attempt) OVER (PARTITION BY m.run_id) AS last_attempt, coalesce(class, 0) AS class
    FROM by_name m JOIN chosen c USING (run_id) LEFT JOIN classes USING (source)
    QUALIFY coalesce(c.attempt, max(m.attempt) OVER (PARTITION BY m.run_id)) = m.attempt
),
ranked AS (
    SELECT m.* EXCLUDE class, k.metric, row_number() OVER (PARTITION BY m.run_id, k.metric ORDER BY k.rank) AS place
    FROM counted m LEFT JOIN candidates k ON k.name = m.name AND k.class = m.class
)
SELECT * EXCLUDE (metric, place) REPLACE (CASE WHEN place = 1 THEN coalesce(metric, name) ELSE name END AS name),
    name AS logged_as
FROM ranked WHERE metric IS NULL OR place = 1 OR metric <> name
ORDER BY run_id, name
"""

PACES: Final = f"""
WITH {_NEWEST}, {_CANDIDATES},
attempts AS (
    SELECT m.run_id, m.attempt, m.name
    FROM (SELECT DISTINCT run_id, attempt, name FROM {{metrics}} WHERE {_IS_CANDIDATE}) m {_OF_CHOSEN} {_PICK}
),
points AS (
    SELECT m.run_id, m.step, max(m.wall_time) AS wall_time, max(m.tokens_seen) AS tokens_seen
    FROM {{metrics}} m JOIN attempts a ON m.run_id = a.run_id AND m.attempt = a.attempt AND m.name = a.name
    WHERE m.{_IS_CANDIDATE} GROUP BY m.run_id, m.step
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
