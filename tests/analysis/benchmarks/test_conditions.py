"""What runs say about how a benchmark was measured: copies in training data, items left out, cut, and decoding."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.benchmarks.report import BenchmarkReport, report_benchmarks
from tests.analysis.benchmarks.tables import evals_of, make_runs

COPIES = {"b00": {"n_items": 100, "n_exact": 3, "n_near": 5, "digest": "d1"}}
RECORD = {"items_digest": "d1", "n_excluded": 2, "n_truncated": 4, "settings": {"decoding": {"temperature": 0.0}}}


def _report(*provenances: object) -> BenchmarkReport:
    texts = [text if isinstance(text, str | None) else json.dumps(text) for text in provenances]
    runs = make_runs([f"r{at:03d}" for at in range(len(texts))], provenance_json=texts)
    return report_benchmarks(evals_of(np.full((len(texts), 1), 0.6), items_digest="d1"), runs)


def test_the_most_of_any_run_counts_and_is_flagged() -> None:
    fewer = {"contamination": {"b00": {**COPIES["b00"], "n_exact": 0, "n_near": 1}}}
    report = _report({"contamination": COPIES, "evaluation": {"b00": [RECORD]}}, fewer, {}, None)
    (found,) = report.conditions
    assert (found.n_exact, found.n_near, found.n_contaminated_runs) == (3, 5, 2)
    assert (found.n_excluded, found.n_truncated) == (2, 4)
    assert found.to_json()["decoding"] == {"temperature": 0.0}
    assert [flag.kind for flag in report.flags[:2]] == ["contamination", "items"]
    assert "copies of 3 items and near copies of 2 more" in report.flags[0].text


def test_what_is_about_other_items_does_not_count() -> None:
    other = {"contamination": {"b00": {**COPIES["b00"], "digest": "d2"}}}
    (found,) = _report(other, {"evaluation": {"b00": [{**RECORD, "items_digest": "d2"}]}}).conditions
    assert (found.n_exact, found.n_excluded, found.decoding) == (None, None, None)


def test_runs_that_wrote_in_several_ways_have_no_one_decoding() -> None:
    warm = {**RECORD, "settings": {"decoding": {"temperature": 1.0}}}
    (found,) = _report({"evaluation": {"b00": [RECORD]}}, {"evaluation": {"b00": warm}}).conditions
    assert found.decoding is None


@pytest.mark.parametrize(
    "odd",
    ['{"contamination": ', {"contamination": []}, {"contamination": {"b00": 3}}, {"evaluation": {"b00": ["x", None]}}],
)
def test_what_is_no_record_is_no_word(odd: object) -> None:
    report = _report(odd)
    assert not report.conditions[0].is_contaminated
    assert not [flag for flag in report.flags if flag.kind == "contamination"]
