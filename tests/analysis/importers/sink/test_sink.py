"""What of a source gets into the store, once, again, and when the source has changed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import ClassVar

import pytest

from analysis.importers.config_rules import RunMap
from analysis.importers.sink.map_names import save_names
from analysis.store import EvalRow, Store
from tests.analysis.importers.sink.bringing import (
    Script,
    bring,
    contents,
    logged,
    open_store,
    points,
    states,
    versions,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def row(store: Store, run_id: str) -> dict[str, object]:
    return store.snapshot().run_rows([run_id])[run_id]


def provenance(store: Store, run_id: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(str(row(store, run_id)["provenance_json"]))
    return found


FULL: Script = {
    "id": "a",
    "attempts": [points(1.0, math.nan, math.inf), points(3.0)],
    "objects": [[1, 0, "text", '"NaN"'], [2, 0, "table", "[1, 2]"]],
    "scores": [{"benchmark": "arc", "metric": "acc", "score": 0.5, "attempt": 2, "n_items": 100}],
    "config": {"optimizer": {"lr": 1e-4}, "seed": 3, "odd": math.nan},
    "summary": {"loss": math.nan},
    "tags": ["x"],
    "name": "first",
    "status": "failed",
}


def test_everything_that_a_source_tells_is_stored(store: Store) -> None:
    (line,) = bring(store, FULL)
    (run_id,) = line.run_ids
    assert (line.state, line.result.verdict, line.result.rows_got) == ("new", "complete", 4)
    assert run_id.startswith("scripted-")
    found = logged(store)
    assert [found[run_id, 1, 0, "loss"], found[run_id, 1, 2, "loss"], found[run_id, 2, 0, "loss"]] == [
        1.0,
        math.inf,
        3.0,
    ]
    assert math.isnan(found[run_id, 1, 1, "loss"])
    assert len(found) == 4
    stored = row(store, run_id)
    expected = {
        "source": "scripted",
        "name": "first",
        "status": "failed",
        "attempt": 2,
        "learning_rate": 1e-4,
        "seed": 3,
        "tags": ["x"],
    }
    assert {name: stored[name] for name in expected} == expected
    objects = {(o["attempt"], o["name"]): o["json"] for o in store.snapshot().objects([run_id]).to_pylist()}
    assert objects == {(1, "text"): '"NaN"', (2, "table"): "[1, 2]"}
    assert store.snapshot().scored([run_id])["score"].to_pylist() == [0.5]
    assert provenance(store, run_id)["found_in"] == {"learning_rate": "optimizer.lr", "seed": "seed"}
    assert store.check() == []


def test_the_same_again_appends_nothing_to_any_table(store: Store) -> None:
    bring(store, FULL, {"id": "b"})
    before = versions(store)
    assert states(bring(store, FULL, {"id": "b"})) == ["unchanged", "unchanged"]
    assert states(bring(store, {"id": "b"}, FULL)) == ["unchanged", "unchanged"]
    assert versions(store) == before


def test_a_growing_run_gets_its_new_rows_only(store: Store) -> None:
    bring(store, {"id": "a", "n": 3, "status": "running", "verdict": "unverified"})
    (line,) = bring(store, {"id": "a", "n": 5})
    assert line.state == "extended"
    assert sorted(place[2] for place in logged(store)) == [0, 1, 2, 3, 4]
    assert row(store, line.run_ids[0])["status"] == "finished"
    assert row(store, line.run_ids[0])["attempt"] == 1


def test_a_contradiction_is_a_new_attempt_and_the_old_one_stays(store: Store) -> None:
    bring(store, {"id": "a", "attempts": [points(1.0, 2.0)]})
    (line,) = bring(store, {"id": "a", "attempts": [points(1.0, 2.5)]})
    assert line.state == "changed"
    assert {place[1:3]: value for place, value in logged(store).items()} == {
        (1, 0): 1,
        (1, 1): 2,
        (2, 0): 1,
        (2, 1): 2.5,
    }
    assert row(store, line.run_ids[0])["attempt"] == 2
    before = versions(store)
    bring(store, {"id": "a", "attempts": [points(1.0, 2.5)]})
    assert versions(store) == before


def test_one_tag_changes_only_that_run(store: Store) -> None:
    bring(store, {"id": "a", "tags": ["x"]}, {"id": "b", "tags": ["x"]})
    metrics = logged(store)
    assert states(bring(store, {"id": "a", "tags": ["x"]}, {"id": "b", "tags": ["y"]})) == ["unchanged", "changed"]
    assert logged(store) == metrics
    assert sorted(tags for tags in store.snapshot().runs()["tags"]) == [("x",), ("y",)]


def test_less_of_a_run_that_came_in_whole_changes_nothing(store: Store) -> None:
    bring(store, {"id": "a", "n": 5})
    before = contents(store)
    cut = {"id": "a", "attempts": [points(9.0)], "verdict": "partial", "reason": "cut", "status": "running"}
    (line,) = bring(store, cut)
    assert (line.state, line.result.verdict) == ("unchanged", "partial")
    assert "the store has 5 rows of it" in line.notes[0]
    assert {name: table for name, table in contents(store).items() if name != "imports"} == {
        name: table for name, table in before.items() if name != "imports"
    }


class TestTwins:
    local: ClassVar[Script] = {"id": "local", "item": "local", "marks": ["m"], "n": 5}
    server: ClassVar[Script] = {"id": "server", "item": "server", "marks": ["m", "m2"], "n": 5}

    def test_one_run_from_two_places_is_one_run(self, store: Store) -> None:
        lines = bring(store, self.local, self.server)
        assert lines[0].run_ids == lines[1].run_ids
        assert len(logged(store)) == 5
        noted = provenance(store, lines[0].run_ids[0])["import"]
        assert isinstance(noted, dict)
        assert [origin["label"] for origin in noted["origins"].values()].sort() == [
            "script/local",
            "script/server",
        ].sort()
        before = versions(store)
        bring(store, self.server, self.local)
        assert versions(store) == before

    def test_a_third_place_is_found_by_the_marks_of_the_second(self, store: Store) -> None:
        lines = bring(store, self.local, self.server, {"id": "third", "marks": ["m2"], "n": 5})
        assert len({line.run_ids for line in lines}) == 1

    def test_a_complete_place_takes_over_from_an_incomplete_one(self, store: Store) -> None:
        cut = self.local | {"n": 2, "verdict": "partial", "status": "running"}
        lines = bring(store, cut, self.server)
        assert states(lines) == ["new", "extended"]
        assert len(logged(store)) == 5
        assert row(store, lines[0].run_ids[0])["status"] == "finished"
        before = versions(store)
        assert states(bring(store, cut)) == ["unchanged"]
        assert versions(store) == before

    def test_values_of_two_places_are_never_mixed(self, store: Store) -> None:
        cut = self.local | {"attempts": [points(9.0, 9.0)], "verdict": "partial"}
        (_, second) = bring(store, cut, self.server | {"attempts": [points(1.0, 2.0, 3.0)]})
        found = {place[1:3]: value for place, value in logged(store).items()}
        assert found == {(1, 0): 9, (1, 1): 9, (2, 0): 1, (2, 1): 2, (2, 2): 3}
        assert row(store, second.run_ids[0])["attempt"] == 2

    def test_a_complete_one_keeps_its_content_against_other_values(self, store: Store) -> None:
        bring(store, self.local, self.server | {"attempts": [points(9.0, 9.0, 9.0, 9.0, 9.0)], "status": "failed"})
        assert 9.0 not in logged(store).values()
        assert list(store.snapshot().runs()["status"]) == ["finished"]

    def test_tags_that_are_edited_at_one_place_are_taken_and_stay(self, store: Store) -> None:
        bring(store, self.local | {"tags": ["old"]}, self.server | {"tags": ["old"]})
        assert states(bring(store, self.server | {"tags": ["new"]})) == ["changed"]
        before = versions(store)
        assert (
            states(bring(store, self.local | {"tags": ["old"]}, self.server | {"tags": ["new"]})) == ["unchanged"] * 2
        )
        assert versions(store) == before
        assert list(store.snapshot().runs()["tags"]) == [("new",)]


class TestOwnRuns:
    def test_a_mirror_of_a_run_that_is_here_adds_nothing_to_it(self, store: Store) -> None:
        store.append(runs=[{"run_id": "abc-s1", "status": "running", "source": "ucurve"}])
        before = contents(store)["runs"]
        mirror = {"id": "m", "own_run_id": "abc-s1"}
        (line,) = bring(store, mirror)
        assert (line.state, line.run_ids) == ("mirror", ("abc-s1",))
        assert contents(store)["runs"] == before
        assert not logged(store)
        after = versions(store)
        bring(store, mirror)
        assert versions(store) == after

    @pytest.mark.parametrize(("at_end", "step"), [(True, 40), (False, 7)])
    def test_a_mirror_adds_scores_that_the_run_does_not_have(self, store: Store, at_end: bool, step: int) -> None:
        own = {"run_id": "abc-s1", "status": "finished", "source": "ucurve", "attempt": 2, "max_steps": 40}
        known = EvalRow("abc-s1", 2, step, "arc", "acc", 0.5, harness="ucurve")
        store.append(runs=[own], evals=[known, EvalRow("abc-s1", 1, step, "new", "acc", 0.1)])
        before = contents(store)["runs"]
        scores = [{"benchmark": name, "metric": "acc", "score": 0.9, "step": 7} for name in ("arc", "new")]
        mirror = {"id": "m", "own_run_id": "abc-s1", "scores": scores, "scores_at_end": at_end}
        (line,) = bring(store, mirror)
        assert (line.state, line.run_ids) == ("extended", ("abc-s1",))
        assert "1 of its scores" in line.notes[-1]
        assert contents(store)["runs"] == before
        assert not logged(store)
        found = {(row["attempt"], row["benchmark"]): row for row in store.snapshot().scored(["abc-s1"]).to_pylist()}
        assert len(found) == store.snapshot().scored(["abc-s1"]).num_rows == 3
        assert (found[2, "arc"]["score"], found[2, "arc"]["harness"]) == (0.5, "ucurve")
        assert (found[2, "new"]["score"], found[2, "new"]["step"]) == (0.9, step)
        after = contents(store)["evals"]
        assert states(bring(store, mirror)) == ["mirror"]
        assert contents(store)["evals"] == after

    def test_a_mirror_of_a_run_that_is_not_here_is_that_run(self, store: Store) -> None:
        mirror = {"id": "m", "own_run_id": "abc-s1"}
        (line,) = bring(store, mirror)
        assert (line.state, line.run_ids) == ("new", ("abc-s1",))
        assert row(store, "abc-s1")["source"] == "scripted"
        before = versions(store)
        assert states(bring(store, mirror)) == ["unchanged"]
        assert versions(store) == before

    def test_an_id_that_is_none_is_not_taken(self, store: Store) -> None:
        (line,) = bring(store, {"id": "m", "own_run_id": "../../etc"})
        assert line.run_ids[0].startswith("scripted-")


def test_what_does_not_fit_the_columns_is_said_and_the_rest_is_stored(store: Store) -> None:
    attempt = [*points(1.0), [1, "x" * 201, 2.0], [2, "", 3.0], [-1, "loss", 4.0]]
    columns = {"learning_rate": math.nan, "lora_rank": "many", "model": "m"}
    (line,) = bring(store, {"id": "a", "attempts": [attempt], "columns": columns, "name": "x"})
    assert line.result.verdict == "partial"
    assert "3 values are not in" in str(line.result.reason)
    assert len(logged(store)) == 1
    stored = row(store, line.run_ids[0])
    assert stored["model"] == "m"
    assert "learning_rate" not in stored
    assert "lora_rank" not in stored
    assert len(line.notes) >= 2


def test_a_map_says_what_keys_and_metrics_are(store: Store) -> None:
    run_map = RunMap.model_validate(
        {"fields": {"learning_rate": "my_rate"}, "evals": {"arc": "acc"}, "directions": {"score": "max"}}
    )
    script: Script = {"id": "a", "config": {"my_rate": 0.5}, "attempts": [[[0, "acc", 0.1], [4, "acc", 0.7]]]}
    (line,) = bring(store, script, run_map=run_map)
    assert row(store, line.run_ids[0])["learning_rate"] == 0.5
    (score,) = store.snapshot().scored([line.run_ids[0]]).to_pylist()
    assert (score["benchmark"], score["metric"], score["score"], score["step"]) == ("arc", "acc", 0.7, 4)
    assert store.snapshot().metric_directions() == {"acc": "max", "score": "max"}


def test_the_table_of_imports_has_a_line_for_each_source(store: Store) -> None:
    bring(store, FULL, {"id": "b", "verdict": "partial", "reason": "cut", "rows_expected": 9})
    lines = store.snapshot().imports()
    assert list(lines["label"]) == ["script/a", "script/b"]
    assert list(lines["verdict"]) == ["complete", "partial"]
    assert list(lines["rows_expected"] - lines["rows_got"]) == [0, 6]
    assert list(lines["lost_records"]) == [0, 6]
    assert set(lines["run_id"]) == set(store.snapshot().runs()["run_id"])


def test_many_small_runs_are_few_commits(store: Store) -> None:
    bring(store, *({"id": str(number)} for number in range(250)))
    assert len(store.snapshot().runs()) == 250
    assert store.snapshot().versions[0] <= 3


def test_two_runs_of_one_import_that_prove_to_be_one(store: Store) -> None:
    """The second is compared with the first, although both wait for the same commit."""
    lines = bring(store, {"id": "a", "marks": ["m"]}, {"id": "b"}, {"id": "c", "marks": ["m"], "n": 6})
    assert lines[0].run_ids == lines[2].run_ids != lines[1].run_ids
    assert len(logged(store)) == 6 + 3


def test_names_of_metrics_in_a_map_become_agreements_once(store: Store) -> None:
    bring(store, {"id": "a", "attempts": [[[0, "val", 0.5]]]})
    run_map = RunMap.model_validate({"metrics": {"eval_loss": ["val", "eval_loss"]}})
    save_names(store, run_map, {"scripted"})
    assert list(store.snapshot().results("eval_loss")["value"]) == [0.5]
    assert {place[3] for place in logged(store)} == {"val"}, "the name stays as it was logged"
    before = versions(store)
    save_names(store, run_map, {"scripted"})
    assert versions(store) == before


def test_two_scores_for_one_place_are_said_and_the_last_one_counts(store: Store) -> None:
    scores = [{"benchmark": "arc", "metric": "acc", "score": score} for score in (0.1, 0.2)]
    (line,) = bring(store, {"id": "a", "scores": scores})
    assert (line.result.verdict, line.result.reason) == ("partial", "arc has two scores at step 0; the last one counts")
    assert store.snapshot().scored(list(line.run_ids))["score"].to_pylist() == [0.2]


def test_a_place_that_tells_less_for_a_while_is_still_trusted_for_what_it_told(store: Store) -> None:
    """Else a shorter copy of the run could take over."""
    first: Script = {"id": "a", "n": 5, "verdict": "unverified", "marks": ["m"]}
    bring(store, first, first | {"n": 2})
    copy = {"id": "copy", "marks": ["m"], "attempts": [points(7.0, 7.0, 7.0)], "verdict": "unverified"}
    assert states(bring(store, copy)) == ["unchanged"]
    assert 7.0 not in logged(store).values()
