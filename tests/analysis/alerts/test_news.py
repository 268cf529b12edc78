"""What is told of two looks at a store: each thing once, and nothing of what was imported."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analysis.alerts.news import Alert, SweepLook, ended_sweeps, failed_job, look_at_sweeps, runs_news, sweep_news
from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.rank import rank_configurations
from tests.analysis.alerts.sweeps import table, u_curve

RATES = (1e-4, 2e-4, 4e-4)
OPEN = SweepLook(n_runs=3, n_open=3, n_diverged=0, n_failed=0, reason=None, is_ours=True)


def with_statuses(*statuses: str, reason: str | None = None, source: str = "local") -> pd.DataFrame:
    runs = table(*(u_curve(rate, status=status) for rate, status in zip(RATES, statuses, strict=True)))
    return runs.assign(status_reason=reason, source=source)


def news_of(results: pd.DataFrame) -> list[Alert]:
    curves = compute_lr_curves(results, metric="eval_loss")
    return list(sweep_news("demo", curves, rank_configurations(results, metric="eval_loss")))


def test_a_look_counts_by_sweep_and_leaves_out_runs_of_none() -> None:
    loose = table(u_curve(1e-3)).assign(sweep_id=None)
    runs = pd.concat([with_statuses("lost", "diverged", "queued", reason="no memory"), loose])

    assert look_at_sweeps(runs) == {
        "demo": SweepLook(n_runs=3, n_open=1, n_diverged=1, n_failed=1, reason="no memory", is_ours=True)
    }
    assert look_at_sweeps(runs.iloc[:0]) == {}


def test_the_same_look_twice_tells_nothing() -> None:
    now = look_at_sweeps(with_statuses("failed", "diverged", "finished"))

    assert runs_news(now, now) == []
    assert ended_sweeps(now, now) == []


def test_what_is_new_is_told_with_its_number_and_reason() -> None:
    before = {"demo": replace(OPEN, n_diverged=1)}
    now = {"demo": SweepLook(n_runs=9, n_open=0, n_diverged=3, n_failed=1, reason="CUDA out of memory", is_ours=True)}

    assert [alert.text for alert in runs_news(before, now)] == [
        "demo: 2 runs diverged.",
        "demo: 1 run failed: CUDA out of memory.",
    ]
    assert ended_sweeps(before, now) == ["demo"]


def test_a_sweep_that_is_still_open_has_not_ended() -> None:
    assert ended_sweeps({"demo": OPEN}, {"demo": replace(OPEN, n_open=1)}) == []


def test_a_sweep_that_came_and_went_between_two_looks_is_told_and_an_imported_one_is_not() -> None:
    trained = look_at_sweeps(with_statuses("finished", "diverged", "finished"))
    imported = look_at_sweeps(with_statuses("finished", "diverged", "failed", source="wandb"))

    assert ended_sweeps({}, trained) == ["demo"]
    assert [alert.kind for alert in runs_news({}, trained)] == ["diverged"]
    assert ended_sweeps({}, imported) == []
    assert runs_news({}, imported) == []


def test_an_ended_sweep_tells_its_decision_and_its_edge_with_what_to_try() -> None:
    results = table(*(u_curve(rate, seed=seed) for rate in RATES for seed in (0, 1)))
    finished, edge = news_of(results)

    assert finished.text.startswith("Finished. demo: the best learning rate tried is 4e-4; P(best) ")
    assert (edge.kind, edge.text) == (
        "edge",
        "demo: the best learning rate is the highest one tried (4e-4), so that the optimum may lie beyond; try 1.2e-3.",
    )


def test_a_sweep_with_failed_runs_ended_early() -> None:
    results = table(u_curve(1e-4), u_curve(2e-4, status="failed"))

    assert news_of(results)[0].text.startswith("Ended early. demo: ")


def test_a_reason_is_one_short_line() -> None:
    text = failed_job("job-1", "demo", "first line\nsecond /srv/team/x.jsonl " + "x" * 500).text

    assert text.startswith("demo: job job-1 failed: first line second …/x.jsonl xxx")
    assert text.endswith("…")
    assert len(text) < 250
