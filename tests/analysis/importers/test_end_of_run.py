import pytest

from analysis.importers.end_of_run import end_of
from analysis.importers.logged_rows import LoggedRows
from analysis.importers.source_run import HISTORY_SCHEMA


def logged(*rows: tuple[int, int, str]) -> LoggedRows:
    found = LoggedRows()
    for attempt, step, name in rows:
        found.add(step, {name: 1.0}, attempt=attempt)
    return found


@pytest.mark.parametrize(
    ("config", "last", "ended"),
    [
        ({"max_steps": 10}, 10, True),
        ({"max_steps": 10}, 9, True),
        ({"max_steps": 10}, 8, False),
        ({"max_steps": -1}, 9, False),
        ({"max_steps": "ten"}, 9, False),
        ({"training": {"max_steps": 10}}, 9, True),
        ({"parameters": {"max_train_steps": 10}}, 9, True),
        ({"progress": 1.0}, 9, False),
        ({}, 9, False),
    ],
)
def test_the_configured_steps_show_the_end(config: dict[str, object], last: int, ended: bool) -> None:
    rows = logged(*((1, step, "loss") for step in range(last + 1)), (1, last, "progress"))
    assert (end_of(rows.history(), config) is not None) == ended


@pytest.mark.parametrize(
    ("rows", "ended"),
    [
        ([(1, 0, "loss"), (1, 3, "train_runtime")], True),
        ([(1, 0, "loss"), (1, 3, "finetuning/train/train_runtime")], True),
        ([(1, 3, "train_runtime"), (1, 4, "loss")], False),
        ([(1, 3, "train_runtime"), (2, 2, "loss")], False),
        ([(1, 3, "my_train_runtime")], False),
    ],
)
def test_the_closing_row_of_the_trainer_shows_the_end(rows: list[tuple[int, int, str]], ended: bool) -> None:
    assert (end_of(logged(*rows).history(), {}) is not None) == ended


def test_nothing_logged_shows_nothing() -> None:
    assert end_of(HISTORY_SCHEMA.empty_table(), {"max_steps": 1}) is None
