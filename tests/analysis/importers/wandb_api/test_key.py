"""The API key: where it comes from, and where it never goes."""

from __future__ import annotations

import contextlib
import os

import pytest

from analysis.errors import ConfigError
from tests.analysis.importers.wandb_api.conftest import Importer
from tests.analysis.importers.wandb_api.stub_runs import StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import API_KEY, Fault

pytestmark = pytest.mark.slow

_ROWS = numbered_rows(range(1500))


def test_a_key_that_the_server_does_not_know_says_so(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "w" * 40
    monkeypatch.setenv("WANDB_API_KEY", wrong)
    with pytest.raises(ConfigError, match="does not accept the API key; set WANDB_API_KEY") as caught:
        importer.find()
    assert wrong not in str(caught.value)


def test_no_key_says_how_to_set_one(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(ConfigError, match="set the environment variable WANDB_API_KEY, or run `wandb login --host"):
        importer.find()
    assert importer.server.counts["Viewer"] == 0


def test_half_a_key_says_what_is_wrong_with_it(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "hunter2")
    with pytest.raises(ConfigError, match=r"40\+ characters") as caught:
        importer.find()
    assert "hunter2" not in str(caught.value)


def test_the_key_of_the_settings_file_serves(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("settings") / "netrc"
    host = importer.server.url.removeprefix("http://")
    netrc.write_text(f"machine {host}\n  login user\n  password {API_KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(netrc))
    importer.server.add(StubRun("r", _ROWS))
    assert len(importer.items()) == 1


def test_files_on_another_host_are_asked_for_without_the_key(importer: Importer) -> None:
    run = StubRun("r", _ROWS, exports=[(0, 1500)])
    importer.server.add(run)
    importer.server.file_url = importer.server.url.replace("127.0.0.1", "localhost")
    found = importer.run("r")
    assert found.verdict == "complete"
    assert importer.server.authorized["export"] == [None]


def test_a_redirect_to_another_host_does_not_get_the_key(importer: Importer) -> None:
    importer.server.add(StubRun("r", _ROWS))
    elsewhere = importer.server.url.replace("127.0.0.1", "localhost")
    importer.server.fault("Viewer", Fault(307, {"Location": f"{elsewhere}/graphql"}))
    with contextlib.suppress(ConfigError):
        importer.find()
    assert set(importer.server.authorized["Viewer"][1:]) <= {None}


def test_nothing_is_printed_and_nothing_is_left(importer: Importer, capfd: pytest.CaptureFixture[str]) -> None:
    importer.server.add(StubRun("r", _ROWS, exports=[(0, 700)]))
    importer.run("r")
    assert capfd.readouterr() == ("", "")
    assert API_KEY not in "".join(value for name, value in os.environ.items() if name != "WANDB_API_KEY")
