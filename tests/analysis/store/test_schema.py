import re

import pytest

from analysis.store.schema import EVALS, METRICS, RUNS, TABLES, EvalRow, MetricRow, arrow_schema, column_named
from tests.analysis.store import column_tables, name_table

RUN_COLUMNS = """
run_id, seq, source, sweep_id, project, name, group, tags, status, status_reason, attempt, parent_run_id, fork_step,
model, tokenizer_id, dataset, eval_set_id, objective, adapter, learning_rate, lr_schedule, warmup_steps, batch_size,
batch_tokens, grad_accum_steps, lora_rank, lora_alpha, lora_dropout, target_modules, weight_decay, clip_kind,
clip_value, optimizer, epochs, max_steps, token_budget, seed, config_json, trial_key, tokens_seen, wall_s, device,
peak_memory_bytes, host, provenance_json, created_at, updated_at, schema_version
"""


def test_the_runs_table_has_exactly_the_promised_columns() -> None:
    assert [column.name for column in RUNS] == re.split(r",\s*", RUN_COLUMNS.strip())


def test_row_types_have_the_columns_of_their_tables_in_order() -> None:
    assert MetricRow._fields == tuple(column.name for column in METRICS)
    assert EvalRow._fields == tuple(column.name for column in EVALS)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_meaning_and_a_name_that_needs_no_quoting_in_filters(table: str) -> None:
    for column in TABLES[table]:
        assert column.meaning
        assert re.fullmatch(r"[a-z][a-z_0-9]*", column.name)


def test_counts_and_times_say_their_unit() -> None:
    for column in (*RUNS, *METRICS, *EVALS):
        if column.name.endswith(("_s", "_bytes", "_tokens", "_steps")) or column.type == "timestamp":
            assert column.unit or column.name == "grad_accum_steps", column.name


def test_arrow_types_follow_the_columns() -> None:
    assert str(arrow_schema(RUNS).field("created_at").type) == "timestamp[us, tz=UTC]"
    assert str(arrow_schema(RUNS).field("seq").type) == "int64"
    assert arrow_schema(METRICS).names == [column.name for column in METRICS]


def test_column_named_finds_a_column_or_nothing() -> None:
    assert column_named(RUNS, "lora_rank") in RUNS
    assert column_named(RUNS, "LORA_RANK") is None


def test_the_documented_column_tables_are_those_of_the_schema() -> None:
    text = column_tables.DOCUMENT.read_text()
    assert column_tables.rewritten(text) == text, "run: python -m tests.analysis.store.column_tables"


def test_the_documented_names_are_those_of_the_rules() -> None:
    text = name_table.DOCUMENT.read_text()
    assert name_table.rewritten(text) == text, "run: python -m tests.analysis.store.name_table"
