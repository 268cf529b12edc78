from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from analysis.errors import ConfigError, FilterError, NotEnoughRuns, UcurveError
from analysis.ranking.rank import rank_configurations
from analysis.reports.compose import compose_report
from analysis.reports.order import SECTIONS, ReportOrder, read_sections
from analysis.reports.sections.provenance import command_of
from analysis.reports.sections.what_was_run import _value
from analysis.reports.types import Bullets, Code, Report, Table, Terms, Text
from analysis.store import Store
from analysis.store.annotating import Wish, annotate, save_view
from analysis.store.annotations import Author, Subject
from tests.synthetic import sweep_runs


def section(report: Report, key: str) -> list[str]:
    """Everything that a section says in words."""
    found = next(one for one in report.sections if one.key == key)
    texts: list[str] = []
    for block in found.blocks:
        if isinstance(block, Text | Code):
            texts.append(block.text)
        elif isinstance(block, Bullets):
            texts += block.items
        elif isinstance(block, Terms):
            texts += [f"{name}: {value} {remark}" for name, value, remark in block.items]
    return texts


def table(report: Report, name: str) -> Table:
    return next(found for _, found in report.tables if found.name == name)


def test_all_sections_come_in_reading_order(report: Report) -> None:
    keys = [one.key for one in report.sections]

    assert keys == [key for key in SECTIONS if key in keys]
    assert set(SECTIONS) - set(keys) == {"annotations"}


def test_the_decision_is_the_ranking_s(report: Report, sweep_store: Store) -> None:
    best = rank_configurations(sweep_store.snapshot().results("eval_loss"), metric="eval_loss")
    ranking = best.overall
    said = " ".join(section(report, "decision"))

    assert ranking.winner is not None
    assert ranking.winner.name in said
    assert f"probability {ranking.p_best:.0%}" in said
    assert all(warning in said for warning in ranking.warnings)
    assert ranking.rule in said


def test_what_was_run_says_what_varied_and_what_was_shared(report: Report) -> None:
    varied = table(report, "space").frame.set_index("setting")["values"]
    shared = table(report, "shared").frame.set_index("setting")["value"]

    assert varied["learning_rate"] == "5e-5, 1e-4, 4e-4, 1.6e-3, 6.4e-3"
    assert varied["batch_size"] == "4, 16"
    assert shared["lora_alpha"] == "16"
    assert "Runs: 18 15 finished, 1 running, 1 failed, 1 diverged" in " ".join(section(report, "runs"))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("adam_eps", 1e-8, "1e-8"), ("learning_rate", 0.0064, "6.4e-3"), ("lora_dropout", 0.05, "0.05"), ("x", 0.0, "0")],
)
def test_numbers_of_the_configuration_are_written_as_people_do(key: str, value: float, said: str) -> None:
    assert _value(key, value) == said


def test_every_excluded_run_has_its_reason(report: Report) -> None:
    reasons = list(table(report, "excluded").frame["reason"])

    assert sorted(reasons) == [
        "It diverged; it brackets the optimum but enters no mean (non-finite loss at step 7).",
        "It failed (out of memory).",
        "It is still being trained.",
    ]


def test_notes_keep_their_paragraphs_and_lines(report: Report) -> None:
    assert section(report, "notes") == ["First.", "Second\nline."]


def test_only_the_sections_asked_for_are_written(sweep_store: Store) -> None:
    order = ReportOrder(sections=read_sections(["excluded", "runs"]))

    found = compose_report(sweep_store.snapshot(), order)

    assert [one.key for one in found.sections] == ["runs", "excluded"]
    assert not found.figures


def test_annotations_name_what_they_are_about_in_an_order_of_their_own(store: Store) -> None:
    runs = sweep_runs()[:3]
    store.append(runs=[run.row for run in runs], metrics=[row for run in runs for row in run.metrics])
    ann, sweep = Author("Ann", "u-ann", "dashboard"), str(runs[0].row["sweep_id"])
    first, second = sorted(run.run_id for run in runs)[:2]
    wishes = [Wish(Subject("run", second), "star"), Wish(Subject("run", first), "tag", "keeper")]
    wishes += [Wish(Subject("run", first), "note", "later words"), Wish(Subject("run", first), "note", "a last word")]
    wishes += [Wish(Subject("sweep", sweep), "tag", "reviewed"), Wish(Subject("run", first), "tag", "gone")]
    for wish in wishes:
        annotate(store, [wish], ann)
    annotate(store, [replace(wishes[-1], active=False)], ann)
    save_view(store, "a view", "runs?", ann)

    found = table(compose_report(store.snapshot(), ReportOrder(sections=("annotations",))), "annotations").frame

    assert list(zip(found["id"], found["what"], found["text"], strict=True)) == [
        (sweep, "tag", "reviewed"),
        (first, "note", "later words"),
        (first, "note", "a last word"),
        (first, "tag", "keeper"),
        (second, "star", ""),
    ]
    assert list(found["about"].str.startswith("lr ")) == [False, True, True, True, True]
    assert set(found["by"]) == {"Ann"}
    where = (f"run_id={second}",)
    alone = table(compose_report(store.snapshot(), ReportOrder(where=where, sections=("annotations",))), "annotations")
    assert list(alone.frame["what"]) == ["tag", "star"]


def test_a_filter_narrows_the_report_and_stands_in_it(sweep_store: Store) -> None:
    order = ReportOrder(sweeps=("synthetic",), where=("batch_size=4",), sections=("runs",))

    found = compose_report(sweep_store.snapshot(), order)

    assert "Runs: 10" in " ".join(section(found, "runs"))
    assert "batch_size=4" in found.subtitle
    assert found.title == "Recipe review: synthetic"


def test_the_command_makes_the_same_report_again() -> None:
    order = ReportOrder(
        sweeps=("a", "b"), where=("name~it's",), metric="val acc", direction="max", sections=("runs", "decision")
    )

    words = shlex.split(command_of(order))

    assert words[:2] == ["ucurve", "report"]
    said = dict(zip(words[2::2], words[3::2], strict=True))
    assert said == {
        "--sweep": "a,b",
        "--where": "name~it's",
        "--metric": "val acc",
        "--direction": "max",
        "--sections": "runs,decision",
        "-o": "review.html",
    }


@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        (ReportOrder(sweeps=("nope",)), NotEnoughRuns, "There is no sweep 'nope' in this store; there is: synthetic."),
        (ReportOrder(where=("batch_size=5",)), NotEnoughRuns, "the store has 18 runs"),
        (ReportOrder(metric="nope"), UcurveError, "No run has logged the metric 'nope'"),
        (ReportOrder(where=("batch_size",)), FilterError, "cannot read the filter"),
    ],
)
def test_what_cannot_be_reported_is_said(
    sweep_store: Store, order: ReportOrder, error: type[UcurveError], said: str
) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")):
        compose_report(sweep_store.snapshot(), order)


def test_an_empty_store_has_no_report(store: Store) -> None:
    with pytest.raises(NotEnoughRuns, match="no runs yet"):
        compose_report(store.snapshot(), ReportOrder())


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(ConfigError, match="no section 'verdict'; a report can have: decision, runs"):
        read_sections(["runs", "verdict"])
