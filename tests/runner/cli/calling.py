"""Calling the command line in this process, as a user would in a shell."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from runner.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Standard output, read as strict JSON."""
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(token: str) -> object:
    raise AssertionError(f"{token} is no JSON")


class Caller:
    """Runs `ucurve ARGUMENTS` and captures what it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Answer:
        code = _exit_code([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Answer(code, captured.out, captured.err)


def _exit_code(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    raise AssertionError("the command line ends with an exit code")
