from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order, signed_in


def test_every_change_leaves_a_line_with_who_and_what(queue: Queue, worker: str) -> None:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    queue.claim(worker)
    queue.ask_stop_run(job_id, "run-1", OWNER)
    queue.ask_stop(job_id, OWNER)
    queue.end(job_id, 1, outcome="stopped")
    lines = [(e.user_id, e.via, e.action, e.subject, e.outcome, e.detail) for e in queue.audit()][::-1]
    assert lines == [
        ("owner", "command line", "submit", job_id, "done", "tiny, 3 runs"),
        (worker, "worker", "start", job_id, "done", "attempt 1"),
        ("owner", "command line", "stop run", job_id, "asked", "run-1"),
        ("owner", "command line", "stop", job_id, "asked", None),
        (worker, "worker", "end", job_id, "stopped", None),
    ]


def test_pages_go_back_from_the_newest(queue: Queue) -> None:
    for number in range(7):
        queue.note(OWNER, "import", str(number), "done")
    newest = queue.audit(limit=3)
    assert [entry.subject for entry in newest] == ["6", "5", "4"]
    older = queue.audit(limit=3, before=newest[-1].entry_id)
    assert [entry.subject for entry in older] == ["3", "2", "1"]
    assert [entry.subject for entry in queue.audit(before=older[-1].entry_id)] == ["0"]
    assert queue.audit(before=1) == []


@pytest.mark.parametrize(
    "text", ["a\nb", "\x00", "<script>", "a\u202eb", "[x](http://y)", "'; DROP TABLE audit; --", ""]
)
def test_texts_from_outside_stay_what_they_are(queue: Queue, text: str) -> None:
    person = OWNER.model_copy(update={"name": text})
    queue.note(person, "sign-in", text, "done", text)
    (entry,) = queue.audit()
    assert (entry.name, entry.subject, entry.detail) == (text, text, text)


def test_texts_are_cut_and_halves_of_characters_replaced(queue: Queue) -> None:
    queue.note(signed_in("anna"), "import", "\ud800" + "x" * 9999, "done")
    assert queue.audit()[0].subject == "?" + "x" * 1999


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET name = 'nobody'",
        "UPDATE audit SET detail = NULL WHERE entry_id = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE entry_id = 1",
        "REPLACE INTO audit SELECT * FROM audit",
        "INSERT OR REPLACE INTO audit VALUES (1, 0, '', '', '', '', '', '', '')",
    ],
)
def test_the_file_itself_refuses_to_change_or_shorten_the_log(queue: Queue, statement: str) -> None:
    for subject in "ab":
        queue.note(OWNER, "sign-in", subject, "done")
    before = queue.audit()
    connected = closing(sqlite3.connect(queue.folder / "queue.db"))
    with connected as db, pytest.raises(sqlite3.IntegrityError, match="append-only"), db:
        db.execute(statement)
    assert queue.audit() == before
