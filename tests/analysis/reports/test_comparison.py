from __future__ import annotations

import dataclasses
import json

import pytest

from analysis.errors import ConfigError
from analysis.reports.comparison import ReportFacts, compare_reports, compose_comparison, read_facts
from analysis.reports.compose import compose_report
from analysis.reports.html import render_html
from analysis.reports.markdown import render_markdown
from analysis.reports.order import ReportOrder
from analysis.reports.types import Report
from analysis.store import Store

MADE = (
    'id="ucurve-made">Made <time datetime="2027-01-01T00:00:00+00:00">'
    '<script type="application/json" id="ucurve-facts">'
)


def facts(report: Report) -> ReportFacts:
    return read_facts(render_html(report), "review.html")


def test_a_report_has_not_changed_against_itself(report: Report) -> None:
    found = compare_reports(facts(report), facts(report))

    assert found.is_same
    assert found.old_made_at == report.made_at


def test_fewer_runs_another_winner_and_less_confidence_are_said(report: Report, sweep_store: Store) -> None:
    order = ReportOrder(where=("batch_size=4",), sections=("runs",))
    narrow = compose_report(sweep_store.snapshot(), order)

    found = compare_reports(facts(report), facts(narrow))

    assert found.question == ("Filters: none before, batch_size=4 now.",)
    assert found.data[0].startswith("8 runs no longer there: ")
    assert found.decision == ()  # the winner has batch size 4
    assert any(said.startswith("all runs: configurations that cannot be told from it: ") for said in found.confidence)


def changed(report: Report, **decision: object) -> ReportFacts:
    copied = json.loads(json.dumps(report.facts))
    copied["decisions"][0] |= decision
    return ReportFacts(copied, "2027-01-01T00:00:00+00:00")


def test_what_is_said_of_a_decision_follows_its_numbers(report: Report) -> None:
    old = facts(report)
    winner = dict(old.facts["decisions"][0]["winner"])

    def said(**decision: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = compare_reports(old, changed(report, **decision))
        return found.decision, found.confidence

    assert said(p_best=0.25)[1] == (f"all runs: probability that the winner is the best "
                                   f"{old.facts['decisions'][0]['p_best']:.0%} before, 25% now.",)  # fmt: skip
    assert said(winner={**winner, "mean": 9.0})[0][0].endswith("over 2 runs.")
    other = said(winner={**winner, "trial_key": "new", "name": "lr 1"})[0][0]
    assert other.startswith(f"all runs: the winner is lr 1, before it was {winner['name']}. That one now has mean")
    assert said(winner=None)[0] == ("all runs: no winner any more.",)
    assert said(warnings=["Look out."])[1][0] == "all runs: new caveat: Look out."
    assert said(not_told_from_it=None)[1][0].endswith("now.")


def test_a_change_below_what_matters_is_none(report: Report) -> None:
    winner = facts(report).facts["decisions"][0]["winner"]

    found = compare_reports(facts(report), changed(report, winner={**winner, "mean": winner["mean"] * (1 + 1e-12)}))

    assert found.is_same


def test_a_status_and_a_value_that_changed_are_named(report: Report) -> None:
    later = changed(report)
    run_id = next(iter(later.facts["runs"]))
    later.facts["runs"][run_id] = {"status": "stopped", "value": 7.0}

    said = compare_reports(facts(report), later).data

    assert said[0].startswith(f"1 run with another status: {run_id} (")
    assert said[1] == f"1 run with another last value: {run_id}."


def test_a_comparison_is_a_report_of_its_own(report: Report) -> None:
    found = compose_comparison(compare_reports(facts(report), changed(report, p_best=0.25)))

    assert "25% now" in render_markdown(found)
    assert "Nothing changed." in render_html(found)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html></html>", "x.html is no HTML report of ucurve"),
        (f"{MADE}{{</script>", "damaged"),
        (f"{MADE}[]</script>", "damaged"),
    ],
)
def test_what_is_no_report_is_refused(page: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_facts(page, "x.html")


def test_a_report_of_another_format_is_refused(report: Report) -> None:
    newer = dataclasses.replace(report, facts={**report.facts, "format": 99})

    with pytest.raises(ConfigError, match="another version"):
        facts(newer)


def test_a_report_whose_time_is_none_is_not_taken(report: Report) -> None:
    page = render_html(report)
    for time in ("", "soon", "[a](http://evil.example)", f"{report.made_at} **now**"):
        with pytest.raises(ConfigError, match=r"review\.html is no HTML report"):
            read_facts(page.replace(f'datetime="{report.made_at}"', f'datetime="{time}"'), "review.html")
