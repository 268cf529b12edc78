from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from analysis.errors import StoreError
from analysis.store import Store
from runner.access.authority import Authority
from runner.queue import schema
from runner.queue.identity import this_process
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order
from tests.runner.queue.test_claim import change

REPOSITORY = Path(__file__).parents[3]


def _file(queue: Queue) -> Path:
    return queue.folder / "queue.db"


def _problem(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except StoreError as problem:
        return str(problem)
    return None


def _add(queue: Queue, key: str = "k") -> str:
    return queue.submit(order(), OWNER, key=key).job_id


def test_a_store_is_made_around_its_queue(queue: Queue, store: Path) -> None:
    _add(queue)
    Store.open(store, create=True)
    assert len(Queue.open(store).jobs()) == 1


def test_a_folder_with_other_things_gets_no_queue(store: Path) -> None:
    store.mkdir()
    (store / "thesis.tex").touch()
    queue = Queue.open(store)
    assert queue.jobs() == []
    with pytest.raises(StoreError, match=r"is no Ucurve store but holds 'thesis\.tex'"):
        _add(queue)
    assert [path.name for path in store.iterdir()] == ["thesis.tex"]


def test_the_folder_can_lie_elsewhere(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("UCURVE_QUEUE", str(elsewhere))
    queue = Queue.open(store)
    job_id = _add(queue)
    assert queue.folder == elsewhere
    assert not store.exists()
    monkeypatch.delenv("UCURVE_QUEUE")
    assert [job.job_id for job in Queue.open(store, folder=elsewhere).jobs()] == [job_id]
    assert Queue.open(store).jobs() == []


def test_a_queue_elsewhere_belongs_to_one_store(store: Path, tmp_path: Path) -> None:
    _add(Queue.open(store, folder=tmp_path / "q"))
    other = Queue.open(tmp_path / "other", folder=tmp_path / "q")
    asked: list[Callable[[], object]] = [lambda: other.jobs(), lambda: _add(other, "l")]
    for ask in asked:
        with pytest.raises(StoreError, match=r"is that of the store .* name another folder with --queue"):
            ask()


def test_a_store_that_was_moved_takes_its_queue_along(queue: Queue, store: Path, tmp_path: Path) -> None:
    job_id = _add(queue)
    store.rename(tmp_path / "moved")
    moved = Queue.open(tmp_path / "moved")
    assert [job.job_id for job in moved.jobs()] == [job_id]
    moved.register("w", this_process())
    assert moved.claim("w") is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"not a database, but as long as one" * (len(content) // 30),
        lambda content: content[:100] + b"\xff" * (len(content) - 100),
        lambda content: content[: len(content) // 2],
        lambda content: content[:60] + b"\0" * 40 + content[100:],
    ],
    ids=["foreign", "overwritten", "cut", "header"],
)
def test_a_damaged_file_is_one_sentence_and_stays_as_it_is(queue: Queue, damage: Callable[[bytes], bytes]) -> None:
    _add(queue)
    damaged = damage(_file(queue).read_bytes())
    _file(queue).write_bytes(damaged)
    asked: list[Callable[[], object]] = [
        lambda: queue.jobs(),
        lambda: queue.workers(),
        lambda: queue.recover(),
        lambda: _add(queue, "l"),
        lambda: queue.note(OWNER, "sign-in", "", "done"),
    ]
    problems = [problem for ask in asked if (problem := _problem(ask)) is not None]
    assert problems
    for problem in problems:
        assert "\n" not in problem
        assert str(_file(queue)) in problem
    assert not list(queue.folder.glob("*-journal"))


def test_the_sentence_says_what_to_do_about_damage(queue: Queue) -> None:
    _add(queue)
    _file(queue).write_bytes(b"\0" * 50_000)
    with pytest.raises(StoreError, match=r"is damaged .* move the file away and submit again: runs"):
        queue.jobs()
    _file(queue).rename(queue.folder / "damaged.db")
    assert queue.jobs() == []
    _add(queue)


def test_a_damaged_row_hides_no_other(queue: Queue) -> None:
    bad, good = _add(queue), _add(queue, "l")
    change(queue, "UPDATE jobs SET work = 'x', person = 'y' WHERE job_id = ?", bad)
    assert [(job.job_id, job.order.sweep_id) for job in queue.jobs()] == [(bad, "unreadable"), (good, "tiny")]


def test_text_that_is_no_text_is_damage_too(queue: Queue) -> None:
    job_id = _add(queue)
    change(queue, "UPDATE jobs SET reason = CAST(x'ff' AS TEXT) WHERE job_id = ?", job_id)
    with pytest.raises(StoreError, match="is damaged"):
        queue.jobs()


def test_a_newer_file_is_left_alone(queue: Queue) -> None:
    _add(queue)
    change(queue, f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = _file(queue).read_bytes()
    asked: list[Callable[[], object]] = [lambda: queue.jobs(), lambda: _add(queue, "l")]
    for ask in asked:
        with pytest.raises(StoreError, match=r"a newer Ucurve \(version 2, this one knows 1\); update"):
            ask()
    assert _file(queue).read_bytes() == before


def test_an_older_file_is_brought_up_to_date_by_the_first_look(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = _add(queue)
    newer = (*schema.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN colour TEXT",))
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    assert [job.job_id for job in queue.jobs()] == [job_id]
    with closing(sqlite3.connect(_file(queue))) as db:
        assert db.execute("SELECT colour FROM jobs").fetchall() == [(None,)]
        assert db.execute("PRAGMA user_version").fetchone() == (2,)


def test_another_programs_database_is_left_alone(queue: Queue) -> None:
    queue.folder.mkdir(parents=True)
    with closing(sqlite3.connect(_file(queue))) as db, db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    for ask in (queue.jobs, queue.version):
        with pytest.raises(StoreError, match="no queue of Ucurve's; name another folder"):
            ask()
    with pytest.raises(StoreError, match="no queue of Ucurve's"):
        _add(queue)


def test_a_file_that_was_only_just_made_is_an_empty_queue(queue: Queue) -> None:
    queue.folder.mkdir(parents=True)
    _file(queue).touch()
    assert queue.jobs() == []
    _add(queue)
    assert len(queue.jobs()) == 1


def test_a_change_that_fails_leaves_nothing(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(queue)
    monkeypatch.setattr("runner.queue.asking.add_entry", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _add(queue, "l")
    assert len(queue.jobs()) == len(queue.audit()) == 1


def test_a_change_that_another_holds_is_one_sentence(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(queue)
    monkeypatch.setattr("runner.queue.database._WAIT_S", 0.05)
    with closing(sqlite3.connect(_file(queue), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="another process has held the queue"):
            queue.beat("w")
        with pytest.raises(StoreError, match="another process has held the queue"):
            queue.jobs()
    assert len(queue.jobs()) == 1


READ_ONLY = """
import sys
from pathlib import Path
from analysis.errors import UcurveError
from runner.access.local import command_line_person
from runner.queue.identity import this_process
from runner.queue.queue import Queue
me = command_line_person()
for store in sys.argv[1:]:
    queue = Queue.open(Path(store))
    job = queue.jobs()[0]
    print(job.state, queue.recover(), queue.version())
    for ask in (
        lambda: queue.submit(job.order, me, key="z"),
        lambda: queue.ask_stop(job.job_id, me),
        lambda: queue.note(me, "a", "b", "c"),
        lambda: queue.register("w", this_process()),
    ):
        try:
            ask()
            print("done")
        except UcurveError as problem:
            print(problem)
"""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody on this machine can look into."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_who_may_only_read_sees_everything_and_changes_nothing(shared_folder: Path) -> None:
    modes = {"folder": 0o555, "file": 0o777}
    for name, mode in modes.items():
        queue = Queue.open(shared_folder / name, authority=Authority.local())
        _add(queue)
        _file(queue).chmod(0o444)
        queue.folder.chmod(mode)
    before = {path: path.read_bytes() for path in shared_folder.rglob("*") if path.is_file()}
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    command = [*as_nobody, sys.executable, "-c", READ_ONLY, *(str(shared_folder / name) for name in modes)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    if "ModuleNotFoundError" in answer.stderr or answer.returncode in (126, 127):
        pytest.skip("others may not run this installation")
    assert answer.stderr == ""
    lines = answer.stdout.splitlines()
    assert lines[::5] == ["queued [] 1"] * 2
    refusals = [line for number, line in enumerate(lines) if number % 5]
    assert len(refusals) == 8
    assert all("cannot be changed or opened" in line or "the key file" in line for line in refusals), refusals
    assert {path: path.read_bytes() for path in shared_folder.rglob("*") if path.is_file()} == before


def test_the_stamp_changes_with_the_file_and_costs_no_file(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path / "store")
    assert queue.stamp() == (0, 0)
    assert not queue.folder.exists()

    stamps = [queue.stamp()]
    for key in ("a", "b"):
        _add(queue, key)
        os.utime(_file(queue), ns=(0, len(stamps)))  # as a clock that has gone on
        stamps.append(queue.stamp())

    assert len(set(stamps)) == 3
    assert queue.stamp() == stamps[-1]
