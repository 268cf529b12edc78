from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.authority import NotAllowed
from runner.access.site import SiteSettings
from runner.drafts import allowed
from runner.drafts.allowed import BUNDLED_MODELS, check_allowed
from runner.drafts.values import readable_text
from runner.queue.order import order_of
from runner.spec.load import parse_sweep_spec
from runner.spec.schema import SweepSpec

TEXT = "name: a\nmodel: smollm2-135m\ndataset: skills\naxes: {learning_rate: [1e-4, 1e-3]}\nbudget: {steps: 3}\n"


def test_a_job_reads_as_a_person_would_write_it() -> None:
    spec = parse_sweep_spec(TEXT + "seeds: 3\ntraining: {target_modules: all, lora_rank: 4}\n")
    text = readable_text(order_of(spec).spec)
    assert parse_sweep_spec(text) == spec
    assert "model: smollm2-135m\n" in text
    assert "seeds: 3\n" in text
    assert "learning_rate: [1e-4, 1e-3]" in text


def test_a_job_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match="lines"):
        readable_text("[]")


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


@pytest.mark.parametrize("where", ["project: other", "project: sweeps, entity: else"])
def test_a_browser_logs_online_only_to_projects_that_are_listed(where: str) -> None:
    def tracked(how: str, where: str) -> SweepSpec:
        return parse_sweep_spec(TEXT + f"track: {{wandb: {how}, {where}}}\n")

    site = _site(wandb_projects=["sweeps", "team/all"])
    with pytest.raises(NotAllowed, match="leave track out, or log offline"):
        check_allowed(tracked("online", where), site)
    check_allowed(tracked("offline", where), site)
    check_allowed(tracked("online", "project: sweeps"), site)
    check_allowed(tracked("online", "project: all, entity: team"), site)
    check_allowed(tracked("online", where), SiteSettings())  # the owner of the machine
