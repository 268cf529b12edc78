"""What a message says, and what it never says; and the whole way from a job to the receiver."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.access.local import command_line_person
from runner.access.site import SiteSettings, read_site
from runner.alerts.message import job_message, to_bytes, trial_message
from runner.queue.job import Job, SweepOrder
from tests.pages.stores import FakeRun, write_store
from tests.runner.alerts.receiver import receiving
from tests.runner.cli.calling import Caller
from tests.runner.worker.shop import Shop

RATES = (1e-4, 2e-4, 4e-4)
CANARY = "hf_" + "qWeRtYuIoPaSdFgHjKlZxCvBnMqWeRtYuI"


def job(state: str = "finished", reason: str | None = None, sweep_id: str = "demo-a") -> Job:
    return Job(
        job_id="job-1",
        key="key-1",
        order=SweepOrder(sweep_id=sweep_id, spec="", n_runs=3),
        person=command_line_person(),
        submitted_at=0.0,
        state=state,  # type: ignore[arg-type]
        reason=reason,
        position=None,
        stopping=False,
        attempts=(),
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A sweep whose best learning rate is the highest, with one run that diverged."""
    statuses = ("finished", "finished", "finished", "diverged")
    rates = (5e-5, *RATES[:2], 4e-4)
    runs = [
        replace(FakeRun(learning_rate=rate, status=status), seed=number // 3)
        for number, (rate, status) in enumerate(zip(rates, statuses, strict=True))
    ]
    return write_store(tmp_path / "store", runs)


def test_a_finished_job_tells_the_decision_and_what_went_wrong(store: Path) -> None:
    body = job_message(job(), store, SiteSettings())

    assert set(body) == {
        *("text", "version", "event", "sweep_id", "job_id", "reason", "n_runs", "n_attempts", "alerts", "link"),
        "sent_at",
    }
    alerts = body["alerts"]
    assert isinstance(alerts, list)
    assert [alert["kind"] for alert in alerts][:1] == ["finished"]
    assert "demo-a: the best learning rate" in str(body["text"])
    assert (body["event"], body["link"]) == ("finished", None)
    assert json.loads(to_bytes(body)) == body


def test_a_failed_job_tells_its_reason_without_a_store(tmp_path: Path) -> None:
    body = job_message(job("failed", "killed by signal 9"), tmp_path / "none", SiteSettings())

    assert body["text"] == "demo-a: job job-1 failed: killed by signal 9."


def test_secrets_and_folders_never_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2hunter2")
    site = tmp_path / "ucurve.toml"
    site.write_text("[alerts]\nwebhook = 'https://chat.example.org/hooks/T0K3N'\n")
    reason = (
        f"cannot read '/srv/team/private/rows.jsonl' with {CANARY} or hunter2hunter2hunter2 "
        "via https://chat.example.org/hooks/T0K3N \u202e"
    )
    sent = to_bytes(job_message(job("failed", reason), tmp_path / "none", read_site(site))).decode()

    for secret in ("/srv", "team", "private", CANARY, "hunter2", "T0K3N", "\u202e", str(tmp_path)):
        assert secret not in sent
    assert "rows.jsonl" in sent


def test_a_name_rings_for_nobody_and_links_nowhere(tmp_path: Path) -> None:
    body = job_message(
        job("failed", "<!channel> <https://evil.example|x> @here", "a"), tmp_path / "none", SiteSettings()
    )

    assert "<" not in str(body["text"])
    assert "@here" not in str(body["text"])


def test_a_link_leads_to_the_dashboard_that_people_sign_in_to(tmp_path: Path) -> None:
    site = tmp_path / "ucurve.toml"
    site.write_text(
        "[dashboard]\norigin = 'https://u.example.org'\n[sign_in]\nprovider = 'https://login.example.org/x'\n"
        "client_id = 'u'\nsecrets_file = 's.toml'\n"
    )

    assert job_message(job(), tmp_path / "none", read_site(site))["link"] == "https://u.example.org/?sweep=demo-a"


def test_a_trial_says_that_messages_arrive() -> None:
    assert str(trial_message(SiteSettings())["text"]).startswith("Ucurve can reach this address")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("webhook = 'http://chat.example.org/T0K3N'", "alerts.webhook: must begin with https://"),
        ("webhook = 'https://me:T0K3N@chat.example.org/'", "alerts.webhook: must be an address such as"),
        ("webhook = 'file:///etc/T0K3N'", "alerts.webhook: must"),
        ('webhook = "https://chat.example.org/T0K3N\\r\\nHost: x"', "alerts.webhook: must be an address such as"),
    ],
)
def test_a_wrong_webhook_is_said_without_repeating_it(line: str, sentence: str, tmp_path: Path, ucurve: Caller) -> None:
    site = tmp_path / "ucurve.toml"
    site.write_text(f"[alerts]\n{line}\n")
    answer = ucurve("alerts", "test", "--site", site)

    assert answer.code == 2
    assert sentence in answer.err
    assert "T0K3N" not in answer.err


def configure(folder: Path, url: str, *, key: str = "k" * 32, mode: int = 0o600) -> Path:
    site, secrets = folder / "ucurve.toml", folder / "secrets.toml"
    secrets.write_text(f'webhook_key = "{key}"\n')
    secrets.chmod(mode)
    site.write_text(f"[limits]\nleast_free_bytes = 0\n[alerts]\nwebhook = '{url}'\nsecrets_file = 'secrets.toml'\n")
    return site


def test_alerts_test_sends_one(tmp_path: Path, ucurve: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UCURVE_SITE", raising=False)
    with receiving() as receiver:
        answer = ucurve("alerts", "test", "--site", configure(tmp_path, receiver.url))

    assert (answer.code, answer.out) == (0, "Sent: 127.0.0.1 took it (200).\n")
    assert json.loads(receiver.bodies[0])["event"] == "test"
    assert ucurve("alerts", "test").code == 2


@pytest.mark.parametrize(("key", "mode", "sentence"), [("k" * 32, 0o644, "chmod 600"), ("short", 0o600, "are needed")])
def test_a_key_that_others_may_read_or_guess_signs_nothing(
    key: str, mode: int, sentence: str, tmp_path: Path, ucurve: Caller
) -> None:
    answer = ucurve("alerts", "test", "--site", configure(tmp_path, "http://127.0.0.1:9/", key=key, mode=mode))

    assert answer.code == 2
    assert sentence in answer.err


@pytest.mark.slow
def test_a_worker_tells_of_what_finished_and_failed_and_no_answer_fails_a_job(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    with receiving(404, 200) as receiver:
        configure(tmp_path, receiver.url)
        finished, failed = (shop.submit(what) for what in ("finish", "fail_input"))
        stopped = shop.submit("finish", seeds=2)
        shop.queue.ask_stop(stopped, command_line_person())
        try:
            assert shop.work() == 1
        finally:
            shop.close()
    told = [json.loads(body) for body in receiver.bodies]

    assert [(body["job_id"], body["event"]) for body in told] == [(finished, "finished"), (failed, "failed")]
    assert shop.job(finished).state == "finished"
    entries = [entry for entry in shop.queue.audit() if entry.action == "alert"]
    assert {(entry.subject, entry.outcome) for entry in entries} == {(finished, "failed"), (failed, "done")}
    assert f"nobody was told of {finished}: Not sent: 127.0.0.1 answered 404." in shop.said()
    assert "very-secret-token" not in str(shop.queue.audit()) + shop.said()
