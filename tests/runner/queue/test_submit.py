from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.authority import NotAllowed
from runner.queue.identity import this_process
from runner.queue.job import Submitted
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order, signed_in


def test_a_queue_that_nobody_made_is_empty_and_looking_makes_nothing(queue: Queue, store: Path) -> None:
    assert (queue.jobs(), queue.workers(), queue.audit(), queue.version()) == ([], [], [], 0)
    assert queue.job("tiny-1") is None
    assert queue.recover() == []
    assert not store.exists()


def test_a_job_is_what_was_asked(queue: Queue) -> None:
    submitted = queue.submit(order(), OWNER, key="k")
    job = queue.job(submitted.job_id)
    assert job is not None
    assert (job.job_id, job.key, job.order, job.person) == (submitted.job_id, "k", order(), OWNER)
    assert (job.state, job.position, job.reason, job.stopping, job.attempts) == ("queued", 1, None, False, ())
    assert submitted.is_new
    assert job.job_id.startswith("tiny-")


def test_the_same_key_is_the_same_job_for_ever(queue: Queue, worker: str) -> None:
    first = queue.submit(order(), OWNER, key="k")
    assert queue.submit(order(), OWNER, key="k") == Submitted(job_id=first.job_id, is_new=False)
    claim = queue.claim(worker)
    assert claim is not None
    queue.end(first.job_id, 1, outcome="finished")
    assert queue.submit(order(), OWNER, key="k") == Submitted(job_id=first.job_id, is_new=False)
    assert len(queue.jobs()) == 1
    assert [entry.action for entry in queue.audit()].count("submit") == 1


def test_a_key_is_not_used_for_something_else(queue: Queue) -> None:
    queue.submit(order(), OWNER, key="k")
    with pytest.raises(ConfigError, match="with other settings; ask anew"):
        queue.submit(order("other"), OWNER, key="k")
    with pytest.raises(ConfigError, match="ask anew"):
        queue.submit(order(), signed_in("anna").model_copy(update={"signed_in_at": None}), key="k")


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "a\n", "\ud800", "ä"])
def test_keys_are_short_and_plain(queue: Queue, key: str) -> None:
    with pytest.raises(ConfigError, match="key has 1 to 200 ASCII"):
        queue.submit(order(), OWNER, key=key)


def test_asking_by_hand_twice_is_one_job_until_it_has_ended(queue: Queue, worker: str) -> None:
    key = queue.key_by_hand(order(), OWNER)
    assert key == queue.key_by_hand(order(), OWNER)
    first = queue.submit(order(), OWNER, key=key)
    assert queue.key_by_hand(order(), OWNER) == key
    assert queue.claim(worker) is not None
    assert queue.key_by_hand(order(), OWNER) == key
    queue.end(first.job_id, 1, outcome="failed")
    again = queue.key_by_hand(order(), OWNER)
    assert again != key
    assert queue.submit(order(), OWNER, key=again).is_new
    assert queue.key_by_hand(order(), OWNER) == again


def test_by_hand_another_person_and_another_sweep_are_other_jobs(queue: Queue) -> None:
    other = OWNER.model_copy(update={"user_id": "other"})
    queue.submit(order(), OWNER, key=queue.key_by_hand(order(), OWNER))
    assert queue.submit(order(), other, key=queue.key_by_hand(order(), other)).is_new
    assert queue.submit(order("b"), OWNER, key=queue.key_by_hand(order("b"), OWNER)).is_new


def test_a_second_job_that_was_asked_for_counts_by_hand_too(queue: Queue) -> None:
    second = queue.submit(order(), OWNER, key="a-nonce")
    assert queue.submit(order(), OWNER, key=queue.key_by_hand(order(), OWNER)) == Submitted(
        job_id=second.job_id, is_new=False
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": "name: tiny"}, "model"),
        ({"spec": "["}, "sweep|specification"),
        ({"sweep_id": "other"}, "said to be 'other'"),
        ({"n_runs": 1}, "with 3 runs, and was said to be 'tiny' with 1"),
        ({"spec": order().spec.replace('"builtin": "skills"', '"path": "x.jsonl"')}, "'x.jsonl' is relative"),
    ],
)
def test_a_wrong_specification_is_refused_and_leaves_nothing(
    queue: Queue, change: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        queue.submit(order().model_copy(update=change), OWNER, key="k")
    assert queue.jobs() == []


def test_a_viewer_cannot_submit_and_it_is_noted(team_queue: Queue) -> None:
    with pytest.raises(NotAllowed, match="role viewer, and this needs launcher"):
        team_queue.submit(order(), signed_in("victor"), key="k")
    assert team_queue.jobs() == []
    (entry,) = team_queue.audit()
    assert (entry.user_id, entry.action, entry.subject, entry.outcome) == ("victor", "submit", "tiny", "refused")
    assert entry.name == signed_in("victor").name
    assert team_queue.submit(order(), signed_in("anna"), key="k").is_new


def test_a_sign_in_that_is_too_old_cannot_submit(team_queue: Queue) -> None:
    with pytest.raises(NotAllowed, match="too long ago"):
        team_queue.submit(order(), signed_in("anna", age_s=13 * 3600), key="k")


def test_jobs_are_listed_running_queued_in_line_ended(queue: Queue, worker: str) -> None:
    ids = [queue.submit(order(), OWNER, key=f"k{n}").job_id for n in range(6)]
    for _ in range(2):
        claim = queue.claim(worker)
        assert claim is not None
        queue.end(claim.job.job_id, 1, outcome="finished")
    running = queue.claim(worker)
    assert running is not None
    queue.move_first(ids[5], OWNER)
    assert [job.job_id for job in queue.jobs()] == [ids[2], ids[5], ids[3], ids[4], ids[1], ids[0]]
    assert [job.position for job in queue.jobs()] == [None, 1, 2, 3, None, None]
    assert [job.job_id for job in queue.jobs(limit=2)] == [ids[2], ids[5]]
    assert [job.job_id for job in queue.jobs(["finished"])] == [ids[1], ids[0]]
    assert queue.jobs([]) == []


def test_the_version_moves_with_what_people_see_and_not_with_beats(queue: Queue) -> None:
    versions = [queue.version()]
    job_id = queue.submit(order(), OWNER, key="k").job_id
    versions.append(queue.version())
    queue.register("w", this_process())
    versions.append(queue.version())
    queue.claim("w")
    versions.append(queue.version())
    queue.ask_stop(job_id, OWNER)
    versions.append(queue.version())
    assert versions == sorted(set(versions))
    queue.beat("w")
    queue.jobs()
    queue.open_requests(job_id)
    queue.claim("nobody")
    assert queue.version() == versions[-1]


def test_only_what_has_ended_is_done_again(queue: Queue, worker: str) -> None:
    first = queue.submit(order(), OWNER, key="k").job_id
    with pytest.raises(ConfigError, match="is queued; only what has ended"):
        queue.retry(first, OWNER, key="r")
    queue.ask_stop(first, OWNER)
    second = queue.retry(first, OWNER, key="r")
    assert second.is_new
    assert queue.retry(first, OWNER, key="r") == Submitted(job_id=second.job_id, is_new=False)
    claim = queue.claim(worker)
    assert claim is not None
    assert (claim.job.job_id, claim.job.order) == (second.job_id, order())


def test_others_jobs_need_an_admin(team_queue: Queue, set_roles: Callable[..., Path]) -> None:
    anna, ben, ada = signed_in("anna"), signed_in("ben"), signed_in("ada")
    job_id = team_queue.submit(order(), anna, key="k").job_id
    asked: list[Callable[[], object]] = [
        lambda: team_queue.ask_stop(job_id, ben),
        lambda: team_queue.ask_stop_run(job_id, "run-1", ben),
        lambda: team_queue.move_first(job_id, ben),
        lambda: team_queue.retry(job_id, ben, key="r"),
    ]
    for ask in asked:
        with pytest.raises(NotAllowed, match="this needs admin"):
            ask()
    assert [entry.action for entry in team_queue.audit(4)] == ["retry", "move first", "stop run", "stop"]
    team_queue.move_first(job_id, anna)
    set_roles(anna="viewer", ada="admin")
    with pytest.raises(NotAllowed):
        team_queue.ask_stop(job_id, anna)
    assert team_queue.ask_stop(job_id, ada).state == "stopped"


def test_the_machines_owner_does_not_own_what_a_namesake_signed_in_with(team_queue: Queue) -> None:
    job_id = team_queue.submit(order(), OWNER, key="k").job_id
    namesake = signed_in("anna").model_copy(update={"user_id": OWNER.user_id})
    with pytest.raises(NotAllowed):
        team_queue.ask_stop(job_id, namesake)


@pytest.mark.parametrize("job_id", ["../x", "", "A", "a" * 65, "a\n", "\x00", "\ud800"])
def test_only_ids_name_jobs(queue: Queue, job_id: str) -> None:
    assert queue.job(job_id) is None
    with pytest.raises(ConfigError, match="is not the id of a job"):
        queue.ask_stop(job_id, OWNER)
    with pytest.raises(ConfigError, match="is not the id of a job"):
        queue.job_folder(job_id, 1)
    with pytest.raises(ConfigError, match="there is no job 'a'"):
        queue.move_first("a", OWNER)
