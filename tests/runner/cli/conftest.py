from __future__ import annotations

import pytest

from tests.runner.cli.calling import Caller


@pytest.fixture
def ucurve(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The command line; no environment variable names a store, and no terminal sets a width."""
    monkeypatch.delenv("UCURVE_STORE", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    return Caller(capsys)
