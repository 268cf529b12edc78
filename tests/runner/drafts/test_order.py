from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.authority import NotAllowed
from runner.access.person import Person
from runner.access.site import SiteSettings
from runner.drafts import allowed
from runner.drafts.allowed import BUNDLED_MODELS, check_allowed
from runner.drafts.order import count_runs, fresh_key, submission_key, sweep_order, twins
from runner.queue.job import Job, State, SweepOrder
from runner.spec.load import parse_sweep_spec

TEXT = "name: a\nmodel: smollm2-135m\ndataset: skills\naxes: {learning_rate: [1e-4, 1e-3]}\nbudget: {steps: 3}\n"
ANNA = Person(user_id="anna", name="Anna", via="dashboard")


def _job(order: SweepOrder, job_id: str, state: State, key: str = "k") -> Job:
    return Job(
        job_id=job_id,
        key=key,
        order=order,
        person=ANNA,
        submitted_at=0.0,
        state=state,
        reason=None,
        position=1 if state == "queued" else None,
        stopping=False,
        attempts=(),
    )


@pytest.mark.parametrize(
    ("axes", "seeds", "n_runs"),
    [
        ("{learning_rate: [1e-4, 1e-3]}", 1, 2),
        ("{learning_rate: {around: recommended}}", 2, 14),
        ("{learning_rate: {log: [1e-4, 1e-2], points: 5}, lora_rank: {log: [1, 2], points: 9}}", 3, 30),
    ],
)
def test_runs_are_counted_without_the_model(axes: str, seeds: int, n_runs: int) -> None:
    text = f"name: a\nmodel: m\ndataset: skills\naxes: {axes}\nseeds: {seeds}\nbudget: {{steps: 1}}\n"
    assert count_runs(parse_sweep_spec(text)) == n_runs


def test_paths_become_absolute_and_comments_stay(tmp_path: Path) -> None:
    text = (
        "# mine\nmodel: ./m  # a folder\ndataset: {path: d.jsonl, held_out: h.jsonl}\nbudget: {steps: 1}\n"
        "axes: {learning_rate: [1e-3]}\nevaluate: {benchmarks: [skills, ./b.jsonl]}\n"
    )
    (tmp_path / "b.jsonl").touch()
    order = sweep_order(text, tmp_path, file="x-1.yaml")
    assert order.sweep_id == "x-1"
    assert order.spec.startswith("# mine\n")
    assert parse_sweep_spec(order.spec) == parse_sweep_spec(text, file="x-1.yaml", folder=tmp_path)
    assert f"{tmp_path}/d.jsonl" in order.spec
    assert sweep_order(order.spec).spec == order.spec


def test_a_mistake_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"sweep.yaml:3: dataset"):
        sweep_order(TEXT.replace("skills", "[]"))


def test_the_same_intent_has_the_same_key_however_it_is_written() -> None:
    order, other = sweep_order(TEXT), sweep_order("# b\n" + TEXT.replace("[1e-4, 1e-3]", "[0.0001, 0.001]"))
    assert order != other
    assert submission_key(order, []) == submission_key(other, [])
    assert submission_key(order, []) != submission_key(sweep_order(TEXT + "seeds: 2\n"), [])


@pytest.mark.parametrize("state", ["queued", "running"])
def test_while_it_waits_or_runs_asking_again_gives_the_same_job(state: State) -> None:
    order = sweep_order(TEXT)
    assert submission_key(order, [_job(order, "j2", state, "k2"), _job(order, "j1", "failed", "k1")]) == "k2"


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_after_it_has_ended_asking_again_is_a_new_job(state: State) -> None:
    order = sweep_order(TEXT)
    first = submission_key(order, [])
    ended = [_job(order, "j1", state, first)]
    second = submission_key(order, ended)
    assert second != first
    assert submission_key(order, ended) == second, "two tabs that look at the same queue ask for the same job"
    assert submission_key(order, [_job(order, "j2", state, second), *ended]) not in (first, second)


def test_other_sweeps_and_unreadable_ones_are_no_twins() -> None:
    order = sweep_order(TEXT)
    other = sweep_order(TEXT.replace("steps: 3", "steps: 4"))
    broken = order.model_copy(update={"spec": "name: [\n"})
    jobs = [_job(other, "j3", "queued"), _job(broken, "j2", "queued"), _job(order, "j1", "queued", "mine")]
    assert [job.job_id for job in twins(order, jobs)] == ["j1"]
    assert submission_key(order, jobs) == "mine"


def test_a_second_job_on_purpose_has_a_key_of_its_own() -> None:
    assert fresh_key() != fresh_key()


SIGN_IN = {"provider": "http://127.0.0.1:1", "client_id": "c", "secrets_file": "s"}


def _site(**catalogue: object) -> SiteSettings:
    return SiteSettings.model_validate({"sign_in": SIGN_IN, "catalogue": catalogue})


def test_the_owner_of_the_machine_may_train_with_anything(tmp_path: Path) -> None:
    text = TEXT.replace("skills", f"{tmp_path}/x.jsonl").replace("smollm2-135m", "org/other")
    check_allowed(parse_sweep_spec(text), SiteSettings())


def test_bundled_models_and_data_are_always_offered() -> None:
    check_allowed(parse_sweep_spec(TEXT), _site())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("smollm2-135m", "org/other"),
        ("smollm2-135m", "/etc"),
        ("skills", "hub:org/name"),
        ("skills", "/etc/passwd"),
        ("skills", "{path: /etc/passwd, held_out: 3}"),
        ("skills", "{builtin: skills, held_out: /etc/passwd}"),
        ("budget", "evaluate: {benchmarks: [/etc/x.jsonl]}\nbudget"),
    ],
)
def test_where_people_sign_in_only_what_is_listed_may_be_used(old: str, new: str) -> None:
    spec = parse_sweep_spec(TEXT.replace(old, new))
    with pytest.raises(NotAllowed, match="offered here"):
        check_allowed(spec, _site())


def test_listed_models_data_sets_and_folders_are_offered(tmp_path: Path) -> None:
    site = _site(models=["org/other"], datasets=["hub:org/name"], data_folders=[str(tmp_path)])
    check_allowed(parse_sweep_spec(TEXT.replace("smollm2-135m", "org/other").replace("skills", "hub:org/name")), site)
    check_allowed(parse_sweep_spec(TEXT.replace("skills", f"{tmp_path}/a/b.jsonl")), site)


def test_a_link_out_of_the_folder_is_followed_and_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "way-out").symlink_to("/etc")
    site = _site(data_folders=[str(tmp_path / "in")])
    for path in ("in/way-out/passwd.txt", "in/../other.jsonl"):
        with pytest.raises(NotAllowed, match="folder"):
            check_allowed(parse_sweep_spec(TEXT.replace("skills", f"{tmp_path}/{path}")), site)


def test_too_many_runs_are_refused_for_the_owner_too() -> None:
    site = SiteSettings.model_validate({"limits": {"most_runs": 1}})
    with pytest.raises(NotAllowed, match="2 runs"):
        check_allowed(parse_sweep_spec(TEXT), site)


def test_the_bundled_models_are_those_that_come_along() -> None:
    source = (Path(allowed.__file__).parents[1] / "training" / "bundled.py").read_text()
    assert all(f'"{name}": (' in source for name in BUNDLED_MODELS)
