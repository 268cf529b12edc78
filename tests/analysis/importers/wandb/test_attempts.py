"""Which logs of a run are attempts of their own, and which go on with another one."""

from __future__ import annotations

from pathlib import Path

from tests.analysis.importers.reading import curve, points
from tests.analysis.importers.wandb.made_up import objects, read_one, row, run_at, write_part


def rows(start: int, stop: int, *, second: float = 0, add: float = 0.0) -> list[object]:
    """Rows that log `x` once a second, the running time from 0."""
    return [row(step, second + i, float(i), x=step + add) for i, step in enumerate(range(start, stop))]


def test_a_resumed_part_holds_what_was_before_its_first_step(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 6), row(6, 6, 6.0, text="before"), ended=False)
    write_part(tmp_path / "b", run_at(100, resumed=True, starting_step=4), *rows(4, 8, second=100, add=0.5))
    run = read_one(tmp_path)
    assert curve(run, "x", 1) == {step: step for step in range(6)}
    assert curve(run, "x", 2) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4.5, 5: 5.5, 6: 6.5, 7: 7.5}
    assert objects(run) == {(1, 6, "text"): '"before"'}
    assert (run.rows_expected, run.rows_got) == (11, 11)
    assert run.verdict == "unverified"
    assert run.reason is not None
    assert run.reason.startswith("attempt 1: the log has no exit record")
    assert any("attempt 2 goes on at step 4" in note for note in run.notes)
    assert (run.status, run.exit_code) == ("finished", 0)


def test_time_goes_on_too_where_the_client_counts_it_anew(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 4))
    write_part(tmp_path / "b", run_at(100, resumed=True, starting_step=4), *rows(4, 6, second=100))
    write_part(tmp_path / "c", run_at(200, resumed=True, starting_step=6), row(6, 200, 42.0, x=6))
    run = read_one(tmp_path)
    spent = {(at["attempt"], at["step"]): at["wall_time"] for at in run.history.to_pylist()}
    assert [spent[2, step] for step in range(6)] == [0, 1, 2, 3, 3, 4]
    assert [spent[3, step] for step in range(7)] == [0, 1, 2, 3, 3, 4, 42]


def test_a_restarted_part_is_an_attempt_of_its_own(tmp_path: Path) -> None:
    write_part(tmp_path / "b", run_at(100), *rows(0, 3, second=100, add=0.5))
    write_part(tmp_path / "a", run_at(0), *rows(0, 5))
    run = read_one(tmp_path)
    assert curve(run, "x", 1) == {step: step for step in range(5)}
    assert curve(run, "x", 2) == {0: 0.5, 1: 1.5, 2: 2.5}
    assert (run.rows_expected, run.verdict, list(run.notes)) == (8, "complete", [])


def test_a_part_whose_own_steps_go_on_behind_all_others_is_a_continuation(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 3))
    write_part(tmp_path / "b", run_at(100), *rows(3, 5, second=100))
    write_part(tmp_path / "c", run_at(200), *rows(4, 6, second=200, add=0.5))
    run = read_one(tmp_path)
    assert curve(run, "x", 2) == {step: step for step in range(5)}
    assert curve(run, "x", 3) == {4: 4.5, 5: 5.5}, "step 4 was there already: nothing says that it goes on"


def test_a_run_that_was_set_back_goes_on_from_its_own_earlier_step(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 6))
    back = run_at(100, branch_point={"run": "r", "value": 2.0, "metric": "_step"})
    write_part(tmp_path / "b", back, *rows(3, 5, second=100, add=0.5))
    run = read_one(tmp_path)
    assert curve(run, "x", 2) == {0: 0, 1: 1, 2: 2, 3: 3.5, 4: 4.5}
    assert "forked_from" not in run.environment


def test_a_fork_says_where_it_comes_from_and_takes_no_rows(tmp_path: Path) -> None:
    fork = run_at(0, starting_step=3, branch_point={"run": "parent", "value": 2.0, "metric": "_step"})
    write_part(tmp_path, fork, *rows(3, 5))
    run = read_one(tmp_path)
    assert run.environment["forked_from"] == {"run_id": "parent", "step": 2.0}
    assert curve(run, "x") == {3: 3, 4: 4}
    assert run.verdict == "complete"
    assert any("forked from run parent" in note for note in run.notes)


def test_a_resumed_part_alone_lacks_its_start_and_says_so(tmp_path: Path) -> None:
    write_part(tmp_path, run_at(0, resumed=True, starting_step=500), *rows(500, 503))
    run = read_one(tmp_path)
    assert (run.verdict, run.rows_got) == ("partial", 3)
    assert run.reason == "the log goes on at step 500, and the log of what was before is not here"


def test_parts_without_rows_take_nothing_away(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 3))
    write_part(tmp_path / "b", run_at(100, resumed=True, starting_step=3))
    run = read_one(tmp_path)
    assert curve(run, "x", 2) == {0: 0, 1: 1, 2: 2}
    write_part(tmp_path / "c", run_at(200), ended=False)
    assert set(points(read_one(tmp_path))) == set(points(run))


def test_configs_and_summaries_of_one_curve_are_joined_the_newer_one_first(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0, config={"lr": 1, "seed": 7, "_wandb": {"cli_version": "0.1"}}), *rows(0, 3))
    later = run_at(100, config={"lr": 2}, resumed=True, starting_step=3)
    write_part(tmp_path / "b", later, *rows(3, 4))
    run = read_one(tmp_path)
    assert run.config == {"lr": 2, "seed": 7}
    assert any("different configurations" in note for note in run.notes)
    write_part(tmp_path / "c", run_at(200, config={"lr": 3}), *rows(0, 1))
    assert read_one(tmp_path).config == {"lr": 3}


def test_each_attempt_has_marks_of_the_rows_that_it_logged_itself(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *rows(0, 5))
    alone = read_one(tmp_path)
    write_part(tmp_path / "b", run_at(100, resumed=True, starting_step=5), *rows(5, 9, second=100))
    both = read_one(tmp_path)
    assert len(alone.marks) == 3
    assert len(both.marks) == 6
    assert both.marks[:3] == alone.marks
    assert read_one(tmp_path / "b").marks == both.marks[3:]


def test_marks_know_nothing_of_the_entity_but_of_project_and_id(tmp_path: Path) -> None:
    marks = [
        set(read_one(write_part(tmp_path / str(number), run, *rows(0, 5))).marks)
        for number, run in enumerate(
            [run_at(0), run_at(0, entity="team"), run_at(0, project="q"), run_at(0, run_id="s")]
        )
    ]
    assert marks[0] == marks[1]
    assert not marks[0] & marks[2]
    assert not marks[0] & marks[3]
