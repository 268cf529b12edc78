"""One report of the synthetic sweep, and one of runs whose every name attacks whoever reads it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from analysis.importers.redaction import Redactor
from analysis.reports.compose import compose_report
from analysis.reports.order import ReportOrder
from analysis.reports.types import Report
from analysis.store import EvalRow, Store
from analysis.store.annotating import Wish, annotate
from analysis.store.annotations import Author, Subject
from tests.synthetic import sweep_runs

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "hf_" + "aB3dE6gH9" * 4
ATTACKS = (
    "</script><script>alert(1)</script>",
    '=HYPERLINK("http://evil.example","x")',
    "a | b",
    "\u202eevil\u2066",
    "[click](javascript:alert(1))",
    "![pixel](http://evil.example/p.png)",
    "`code` ``` **bold** _it_",
    "line\nbreak\r\nand more",
    "<img src=x onerror=alert(1)>",
    "\x1b[31mred\x07",
    "{{ 7 * 7 }}{% raw %}",
    "@SUM(1)",
    "&lt;b&gt;",
    "www.evil.example http://evil.example/x",
)


@pytest.fixture(scope="session")
def report(sweep_store: Store) -> Report:
    """A report of the whole synthetic sweep."""
    return compose_report(sweep_store.snapshot(), ReportOrder(notes="First.\n\nSecond\nline."), made_at=MADE_AT)


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report with an attack in every name, value, note, tag and path, and a secret in several places."""
    store = Store.open(tmp_path_factory.mktemp("hostile") / "store", create=True)
    runs = sweep_runs()
    rows, evals = [], []
    for place, run in enumerate(runs):
        attack = ATTACKS[place % len(ATTACKS)]
        config = {**run.config, f"key {attack}": attack, "api_key": SECRET, "shared": " ".join(ATTACKS)}
        told = {"versions": {"torch": attack}, "command": f"train --token {SECRET} '{attack}'", "commit": "ab12" * 10}
        rows.append(
            dict(run.row)
            | {
                "name": attack,
                "model": " ".join(ATTACKS),
                "dataset": ATTACKS[1],
                "host": attack,
                "status_reason": attack,
                "config_json": json.dumps(config),
                "provenance_json": json.dumps(told),
            }
        )
        evals.append(EvalRow(run.run_id, 1, 10, ATTACKS[0][:40], "acc", 0.5 + place / 100, 0.02, 100, 0.25, True))
    store.append(runs=rows, metrics=[row for run in runs for row in run.metrics], evals=evals)
    for attack in (*ATTACKS, SECRET):
        annotate(store, [Wish(Subject("run", runs[0].run_id), "note", attack)], Author(attack, "u-1", "dashboard"))
    order = ReportOrder(title=" ".join(ATTACKS), notes="\n\n".join((*ATTACKS, SECRET)))
    redactor = Redactor.from_environment({**os.environ, "HF_TOKEN": SECRET})
    return compose_report(store.snapshot(), order, made_at=MADE_AT, redactor=redactor)
