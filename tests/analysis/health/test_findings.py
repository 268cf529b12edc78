from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from analysis.health.check import count_runs
from analysis.health.types import HealthReport
from analysis.store import EvalRow, MetricRow, Store
from tests.analysis.health.stores import NOW, STARTED, check, curve, fill, found, losses, run_row


def kinds(report: HealthReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def config(**keys: object) -> str:
    return json.dumps(keys)


def test_a_healthy_sweep_has_nothing_to_say(store: Store) -> None:
    report = check(fill(store, [run_row(number) for number in range(4)]))
    assert report.findings == ()
    assert report.excluded == ()
    assert (report.n_runs, report.n_used) == (4, 4)
    assert [(item.metric, item.n_runs, item.n_lacking) for item in report.coverage] == [("loss", 4, 0)]
    assert [(group.label, group.n_runs, group.n_used) for group in report.groups] == [("all runs", 4, 4)]


def test_an_empty_store_is_healthy(store: Store) -> None:
    report = check(store)
    assert (report.n_runs, report.findings, report.coverage, report.groups) == (0, (), (), ())


@pytest.mark.parametrize(
    ("columns", "value", "kind", "words"),
    [
        ({"status": "failed", "status_reason": "out of memory"}, 1.0, "failed", "It failed (out of memory)."),
        ({"status": "stopped"}, 1.0, "stopped", "It was stopped."),
        ({"status": "lost"}, 1.0, "lost", "its trainer disappeared"),
        ({"status": "queued"}, 1.0, "queued", "waits"),
        ({"status": "running", "updated_at": NOW}, 1.0, "running", "still being trained"),
        ({"status": "diverged"}, math.nan, "diverged", "brackets the optimum"),
        ({}, math.nan, "non_finite", "last loss is nan"),
        ({}, math.inf, "non_finite", "last loss is inf"),
        ({}, None, "never_logged", "never logged loss"),
        ({"learning_rate": None}, 1.0, "no_learning_rate", "has no learning rate"),
        ({"learning_rate": 0.0}, 1.0, "learning_rate", "learning rate is 0"),
        ({"learning_rate": -1e-4}, None, "learning_rate", "learning rate is -0.0001"),
        ({"learning_rate": 0.0, "status": "failed"}, 1.0, "failed", "It failed."),
    ],
)
def test_every_excluded_run_has_its_reason(
    store: Store, columns: Mapping[str, object], value: float | None, kind: str, words: str
) -> None:
    metrics = [] if value is None else curve("r1", [2.0, value])
    report = check(fill(store, [run_row(0), run_row(1, **columns)], [*curve("r0", losses(0)), *metrics]))
    assert [(item.run_id, item.kind) for item in report.excluded] == [("r1", kind)]
    assert words in report.excluded[0].reason
    assert report.n_used == 1


def test_runs_of_one_configuration_and_seed_are_repeated(store: Store) -> None:
    finding = found(check(fill(store, [run_row(0), run_row(1, trial_key="t0"), run_row(2)])), "repeated_run")
    assert (finding.severity, finding.run_ids) == ("problem", ("r0", "r1"))
    assert "1 configuration" in finding.message


def test_replicates_without_seeds_are_a_remark(store: Store) -> None:
    report = check(fill(store, [run_row(0, seed=None), run_row(1, trial_key="t0", seed=None)]))
    assert found(report, "unseeded_replicates").severity == "remark"
    assert "repeated_run" not in kinds(report)


def test_seeds_of_one_configuration_are_no_duplicates(store: Store) -> None:
    assert not check(fill(store, [run_row(0), run_row(1, trial_key="t0", seed=1, learning_rate=1e-4)])).findings


def test_the_same_configuration_under_two_trial_keys_is_found(store: Store) -> None:
    report = check(fill(store, [run_row(0), run_row(1, learning_rate=1e-4), run_row(2)]))
    assert found(report, "same_configuration").run_ids == ("r0", "r1")


def test_copied_curves_are_found(store: Store) -> None:
    metrics = [*curve("r0", losses(0)), *curve("r1", losses(0)), *curve("r2", losses(2))]
    report = check(fill(store, [run_row(number) for number in range(3)], metrics))
    assert found(report, "copied_curve").run_ids == ("r0", "r1")
    assert "identical_value" not in kinds(report)


def test_equal_final_values_are_a_remark_only_where_they_have_many_digits(store: Store) -> None:
    values = {"r0": 1.23456789, "r1": 1.23456789, "r2": 0.5, "r3": 0.5}
    metrics = [MetricRow(run_id, 1, 9, 900, 9.0, "loss", value) for run_id, value in values.items()]
    finding = found(check(fill(store, [run_row(number) for number in range(4)], metrics)), "identical_value")
    assert (finding.severity, finding.run_ids) == ("remark", ("r0", "r1"))


def test_metrics_that_some_runs_lack_are_counted(store: Store) -> None:
    metrics = [*curve("r0", losses(0)), *curve("r1", losses(1)), *curve("r1", [0.1, 0.2], name="extra")]
    report = check(fill(store, [run_row(number) for number in range(3)], metrics))
    by_name = {finding.message.split()[-1]: finding for finding in report.findings if finding.kind == "missing_metric"}
    assert by_name["loss."].severity == "problem"
    assert by_name["loss."].run_ids == ("r2",)
    assert by_name["extra."].severity == "remark"
    assert [(item.metric, item.n_runs, item.n_lacking) for item in report.coverage] == [("loss", 2, 1), ("extra", 1, 2)]


def test_metrics_of_few_runs_are_one_remark(store: Store) -> None:
    metrics = [row for number in range(4) for row in curve(f"r{number}", losses(number))]
    metrics += [row for number in range(3) for row in curve(f"r{number}", [0.1, 0.2], name="most")]
    metrics += [row for number in range(30) for row in curve("r0", [0.1, 0.2], name=f"rare{number:02}")]
    report = check(fill(store, [run_row(number) for number in range(4)], metrics))
    own, together = [finding for finding in report.findings if finding.kind == "missing_metric"]
    assert own.message == "1 of 4 finished runs never logged most."
    assert together.message == ("Only some of 4 finished runs logged rare00, rare01, rare02, rare03 and 26 more.")
    assert together.run_ids == ("r0",)
    assert len(report.coverage) == 32


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("8", 8, "a number as text in 1 run"),
        ("all", ["q", "v"], "a list in 1 run"),
        (True, "yes", "true or false in 2 runs"),
    ],
)
def test_mixed_types_of_a_setting_are_found(store: Store, one: object, other: object, words: str) -> None:
    settings = [one, one, other]
    runs = [run_row(number, config_json=config(width=value)) for number, value in enumerate(settings)]
    if isinstance(one, str) and one == "8":
        runs = [run_row(number, config_json=config(width=value)) for number, value in enumerate([other, other, one])]
    finding = found(check(fill(store, runs)), "mixed_types")
    assert (finding.severity, finding.run_ids) == ("problem", ("r2",))
    assert words in finding.message
    assert "width" in finding.message


def test_whole_and_broken_numbers_are_one_type(store: Store) -> None:
    runs = [run_row(number, config_json=config(alpha=value)) for number, value in enumerate([8, 8.5])]
    assert "mixed_types" not in kinds(check(fill(store, runs)))


def test_numbers_written_as_text_are_a_remark(store: Store) -> None:
    runs = [run_row(number, config_json=config(adam={"eps": "1e-8"})) for number in range(2)]
    finding = found(check(fill(store, runs)), "text_numbers")
    assert finding.severity == "remark"
    assert "adam.eps" in finding.message


def test_a_column_that_contradicts_the_configuration_is_found(store: Store) -> None:
    runs = [run_row(0), run_row(1, config_json=config(learning_rate=0.5, batch_size=8))]
    finding = found(check(fill(store, runs)), "contradiction")
    assert finding.run_ids == ("r1",)
    assert "learning_rate" in finding.message


def test_near_equal_names_are_hinted_at(store: Store) -> None:
    names = ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B", "llama_3.1-8b", "other")
    report = check(fill(store, [run_row(number, model=name) for number, name in enumerate(names)]))
    assert (found(report, "spelling").severity, found(report, "spelling").run_ids) == ("remark", ("r2",))


def test_learning_rates_that_are_none_are_found(store: Store) -> None:
    report = check(fill(store, [run_row(0), run_row(1, learning_rate=0.0), run_row(2, learning_rate=-1.0)]))
    assert found(report, "learning_rate").run_ids == ("r1", "r2")


def test_tokens_and_sequences_of_a_batch_must_fit(store: Store) -> None:
    tokens = [800.0, 810.0, 4000.0, 4.0]
    report = check(fill(store, [run_row(number, batch_tokens=n) for number, n in enumerate(tokens)]))
    findings = {finding.severity: finding.run_ids for finding in report.findings if finding.kind == "batch_tokens"}
    assert findings == {"problem": ("r3",), "remark": ("r2",)}


def test_constant_and_zero_losses_are_found(store: Store) -> None:
    metrics = [*curve("r0", losses(0)), *curve("r1", [0.7, 0.7, 0.7]), *curve("r2", [1.0, 0.5, 0.0])]
    report = check(fill(store, [run_row(number) for number in range(3)], metrics))
    assert found(report, "constant").run_ids == ("r1",)
    assert (found(report, "zero").severity, found(report, "zero").run_ids) == ("problem", ("r2",))
    assert found(check(store, direction="max"), "zero").severity == "remark"


def test_tokens_that_jump_or_fall_are_found(store: Store) -> None:
    tokens = {"r0": [0, 1, 2, 3, 4], "r1": [0, 1, 2, 100, 101], "r2": [0, 10, 5, 15, 20]}
    metrics = [
        MetricRow(run_id, 1, step, n, float(step), "loss", 2.0 - 0.1 * step - 0.01 * len(run_id) * n)
        for run_id, series in tokens.items()
        for step, n in enumerate(series)
    ]
    report = check(fill(store, [run_row(number) for number in range(3)], metrics))
    assert found(report, "token_jump").run_ids == ("r1",)
    assert found(report, "tokens_back").run_ids == ("r2",)


def test_a_sparse_log_is_no_jump_of_tokens(store: Store) -> None:
    metrics = [
        MetricRow("r0", 1, step, 10 * step, float(step), "loss", 2.0 - 0.001 * step) for step in (0, 1, 2, 3, 1000)
    ]
    assert "token_jump" not in kinds(check(fill(store, [run_row(0, max_steps=2000)], metrics)))


def test_values_after_the_end_or_beyond_the_budget_are_found(store: Store) -> None:
    metrics = [
        *curve("r0", losses(0)),
        *curve("r1", losses(1)),
        *curve("r1", losses(5), attempt=2),
        *curve("r2", [2.0 - 0.1 * step for step in range(14)]),
    ]
    report = check(fill(store, [run_row(number) for number in range(3)], metrics))
    assert found(report, "logged_after_the_end").run_ids == ("r1",)
    assert found(report, "beyond_the_budget").run_ids == ("r2",)


def test_an_attempt_without_rows_is_found(store: Store) -> None:
    report = check(fill(store, [run_row(0), run_row(1, status="failed")], curve("r0", losses(0))))
    assert found(report, "no_rows").run_ids == ("r1",)


def test_clocks_that_cannot_be_right_are_found(store: Store) -> None:
    runs = [
        run_row(0),
        run_row(1, updated_at=STARTED - timedelta(minutes=1)),
        run_row(2, updated_at=NOW + timedelta(days=1)),
        run_row(3, wall_s=7200.0),
        run_row(4, wall_s=-1.0),
    ]
    report = check(fill(store, runs))
    assert found(report, "updated_before_created").run_ids == ("r1",)
    assert found(report, "in_the_future").run_ids == ("r2",)
    assert found(report, "too_long").run_ids == ("r3",)
    assert found(report, "negative_time").run_ids == ("r4",)


def test_an_imported_run_may_be_longer_than_the_life_of_its_row(store: Store) -> None:
    imported = run_row(0, wall_s=7200.0, created_at=STARTED, updated_at=STARTED)
    assert "too_long" not in kinds(check(fill(store, [imported])))


def test_a_running_run_that_logs_is_not_silent_however_old_its_row_is(store: Store) -> None:
    runs = [run_row(number, status="running", updated_at=STARTED) for number in range(2)]
    metrics = [
        MetricRow("r0", 1, 1, 100, 2.9 * 3600, "loss", 1.5),
        MetricRow("r1", 1, 1, 100, 60.0, "loss", 1.6),
    ]
    report = check(fill(store, runs, metrics))
    assert found(report, "silent").run_ids == ("r1",)


def test_time_that_runs_back_is_found(store: Store) -> None:
    metrics = [
        MetricRow("r0", 1, step, step, time, "loss", 2.0 - 0.1 * step) for step, time in enumerate([0.0, 5.0, 2.0])
    ]
    assert found(check(fill(store, [run_row(0)], metrics)), "time_back").run_ids == ("r0",)


def test_what_the_stores_own_check_says_is_included(store: Store) -> None:
    metrics = [*curve("r0", losses(0)), *curve("r0", losses(0)), *curve("ghost", losses(1))]
    store.append(evals=[EvalRow("gone", 1, 0, "b", "m", 0.5)])
    report = check(fill(store, [run_row(0), run_row(1)], metrics))
    assert found(report, "orphan_metrics").run_ids == ("ghost",)
    assert found(report, "orphan_evals").run_ids == ("gone",)
    assert found(report, "run_without_metrics").run_ids == ("r1",)
    assert found(report, "duplicate_metrics").run_ids == ("r0",)


def test_groups_that_do_not_compare_are_listed_with_what_splits_them(store: Store) -> None:
    models = ("a", "a", "b")
    report = check(fill(store, [run_row(number, model=model) for number, model in enumerate(models)]))
    assert [(group.label, group.n_runs) for group in report.groups] == [("model a", 2), ("model b", 1)]
    finding = found(report, "incomparable")
    assert finding.run_ids == ("r2",)
    assert "model (2 values)" in finding.message


def test_survivors_of_a_configuration_that_diverged_are_named(store: Store) -> None:
    runs = [run_row(0), run_row(1, trial_key="t0", seed=1, learning_rate=1e-4, status="diverged"), run_row(2)]
    metrics = [*curve("r0", losses(0)), *curve("r1", [2.0, math.nan]), *curve("r2", losses(2))]
    assert found(check(fill(store, runs, metrics)), "sometimes_diverges").run_ids == ("r0",)


def test_filters_narrow_the_report(store: Store) -> None:
    fill(store, [run_row(0), run_row(1, status="failed"), run_row(2, batch_size=16)])
    report = check(store, "batch_size=8")
    assert (report.n_runs, report.n_used) == (2, 1)


def test_problems_come_first_and_the_json_form_has_every_key(store: Store) -> None:
    report = check(fill(store, [run_row(0), run_row(1, model="M", trial_key="t0"), run_row(2, model="x")]))
    assert [finding.severity for finding in report.findings] == sorted(finding.severity for finding in report.findings)
    assert report.problems + report.remarks == report.findings
    document = json.loads(json.dumps(report.to_json()))
    assert set(document) == {
        "metric", "direction", "n_runs", "n_used", "excluded", "findings", "coverage", "groups",
    }  # fmt: skip
    assert document["findings"][0]["n_runs"] == len(document["findings"][0]["run_ids"])


def test_runs_are_counted_before_anything_is_looked_for(store: Store) -> None:
    report = check(fill(store, [run_row(0), run_row(1), run_row(2, status="failed")]))
    counted = count_runs(store.snapshot().results("loss"), metric="loss", direction="min")

    assert (report.n_used, len(report.excluded), len(report.coverage)) == (2, 1, 1)
    assert counted == replace(report, findings=(), coverage=())
