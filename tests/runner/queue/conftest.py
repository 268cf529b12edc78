from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.access.authority import Authority
from runner.queue.identity import this_process
from runner.queue.queue import Queue

SITE = """
[sign_in]
provider = "http://localhost:1/.well-known/openid-configuration"
client_id = "ucurve"
secrets_file = "{secrets}"

[roles]
default = "viewer"
users = {{ {users} }}
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UCURVE_QUEUE", raising=False)
    monkeypatch.delenv("UCURVE_SITE", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def queue(store: Path) -> Queue:
    return Queue.open(store, authority=Authority.local())


@pytest.fixture
def worker(queue: Queue) -> str:
    """A worker that is this very process."""
    queue.register("worker-1", this_process(), "cpu")
    return "worker-1"


@pytest.fixture
def set_roles(tmp_path: Path) -> Callable[..., Path]:
    """Writes the site file with these roles, by user."""

    def write(**roles: str) -> Path:
        file = tmp_path / "ucurve.toml"
        users = ", ".join(f'{user} = "{role}"' for user, role in roles.items())
        file.write_text(SITE.format(secrets=tmp_path / "secrets.toml", users=users))
        return file

    return write


@pytest.fixture
def team_queue(store: Path, set_roles: Callable[..., Path]) -> Queue:
    """A queue whose site file says: anna and ben launch, ada is an admin, everybody else looks."""
    return Queue.open(store, authority=Authority(site_file=set_roles(anna="launcher", ben="launcher", ada="admin")))
