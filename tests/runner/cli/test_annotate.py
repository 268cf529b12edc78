"""`ucurve annotate` and `ucurve annotations`: from the shell into every verb's filters and back."""

from typing import Any

import pytest

from analysis.store import MetricRow, Store
from tests.runner.cli.calling import Answer, Caller


@pytest.fixture
def call(ucurve: Caller, store: Store) -> Any:  # noqa: ANN401 - a function of any arguments
    for run_id, sweep_id in (("r1", "s1"), ("r2", "s1"), ("both", "both")):
        row = {"run_id": run_id, "sweep_id": sweep_id, "status": "finished", "learning_rate": 1e-4}
        store.append(runs=[row], metrics=[MetricRow(run_id, 1, 0, 1, 0.0, "eval_loss", 2.5)])

    def run(verb: str, *arguments: object) -> Answer:
        return ucurve(verb, *arguments, "--store", store.location)

    return run


def shown(call: Any, *where: str) -> list[str]:  # noqa: ANN401
    return [
        run["run_id"] for run in call("runs", "--json", *(part for each in where for part in ("--where", each))).json
    ]


def test_what_is_said_shows_in_runs_filters_and_the_list(call: Any) -> None:  # noqa: ANN401
    done = call("annotate", "r1", "--tag", "good", "--star", "--note", "a [b]spike[/b]")
    assert (done.code, done.err) == (0, "")
    assert "run r1: note 'a [b]spike[/b]' (" in done.out
    call("annotate", "s1", "--tag", "reviewed")
    runs = {run["run_id"]: (run["tags"], run["starred"], run["n_notes"]) for run in call("runs", "--json").json}
    assert runs == {"r1": (["good", "reviewed"], True, 1), "r2": (["reviewed"], False, 0), "both": (None, False, 0)}
    assert shown(call, "tag=reviewed") == ["r1", "r2"]
    assert shown(call, "tag=good", "starred=true", "note~SPIKE") == ["r1"]
    assert [curve["n_runs"] for curve in call("lr-curve", "--where", "tag=reviewed", "--json").json["curves"]] == [2]
    (listed, *more) = call("annotations", "s1", "--json").json["annotations"]
    assert (listed["subject_kind"], listed["kind"], listed["text"], more) == ("sweep", "tag", "reviewed", [])
    assert {"author", "via", "created_at"} <= set(listed)
    assert "author_id" not in listed
    assert "a [b]spike[/b]" in call("annotations").out


def test_saying_it_again_writes_nothing_and_it_can_be_taken_back(call: Any, store: Store) -> None:  # noqa: ANN401
    (written,) = call("annotate", "r1", "--note", "n", "--json").json["written"]
    call("annotate", "r1", "--tag", "t", "--star")
    key = store.snapshot().key
    assert call("annotate", "r1", "--note", "n", "--tag", "t", "--star").err == "3 as before.\n"
    assert store.snapshot().key == key
    assert "taken back" in call("annotate", "--undo", written["annotation_id"]).out
    call("annotate", "r1", "--untag", "t", "--unstar")
    assert call("annotations", "--json").json == {"annotations": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("r1",), "name runs or sweeps and what to say"),
        (("--tag", "x"), "name runs or sweeps and what to say"),
        ((), "name runs or sweeps and what to say"),
        (("nope", "--star"), "there is no run or sweep 'nope'; `ucurve runs` shows their ids"),
        (("both", "--star"), "'both' is a run and a sweep"),
        (("r1", "--tag", "x", "--untag", "x"), "the tag 'x' cannot be given and taken back at once"),
        (("r1", "--tag", "a\nb"), "a tag is one line"),
        (("--undo", "x"), "there is no annotation 'x'; `ucurve annotations` shows them"),
    ],
)
def test_a_slip_is_told_and_writes_nothing(call: Any, store: Store, arguments: tuple[str, ...], said: str) -> None:  # noqa: ANN401
    answer = call("annotate", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert store.snapshot().annotations() == []
