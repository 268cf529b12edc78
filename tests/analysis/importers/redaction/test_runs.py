"""A whole run without secrets: every place that text can stand in, and nothing else touched."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.importers.redaction import MARKER, Redactor
from analysis.importers.result import RowProblem
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA, SourceRun

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a090817263"
HF = "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gI3k"


def _history(names: list[str]) -> pa.Table:
    rows = [
        {"attempt": 1, "step": step, "tokens_seen": None, "wall_time": 0.5, "name": name, "value": math.nan}
        for step, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows, HISTORY_SCHEMA)


def _objects(pairs: list[tuple[str, str]]) -> pa.Table:
    rows = [{"attempt": 1, "step": step, "name": name, "json": text} for step, (name, text) in enumerate(pairs)]
    return pa.Table.from_pylist(rows, OBJECTS_SCHEMA)


def _run(secret: str) -> SourceRun:
    """A run with a secret in every text it has."""
    says = f"see {secret} here"
    return SourceRun(
        kind="wandb", label=says, key=("host", "project", "id"), status="failed", verdict="partial",
        marks=("m1",), status_reason=says, name=says, group=says, job_type=says, tags=("plain", says), notes_text=says,
        sweep=says, config={"a": [{"b": says}], f"k {secret}": 1}, columns={"model": says, "seed": 3},
        summary={"x": {"y": says}}, history=_history(["loss", says, "loss"]),
        objects=_objects([("table", json.dumps({"rows": [[says, 1, None]]})), ("plain", "null"), (says, '"x"')]),
        directions={says: "min"}, environment={"args": ["--lr", "1", says], "env": {"HF_TOKEN": "short"}}, reason=says,
        problems=[RowProblem(3, says, says, says)], notes=[says],
    )  # fmt: skip


def _texts(run: SourceRun) -> str:
    tables = [run.history.cast(HISTORY_SCHEMA).to_pylist(), run.objects.to_pylist()]
    return repr([getattr(run, entry.name) for entry in fields(run) if entry.name not in ("history", "objects")]) + repr(
        tables
    )


def test_no_text_of_a_run_keeps_a_secret() -> None:
    for secret, redactor in [(HF, Redactor()), ("the-colour-of-magic", Redactor(["the-colour-of-magic"]))]:
        run = _run(secret)
        cleaned = redactor.clean_run(run)
        assert _texts(run).count(secret) == 22
        assert secret not in _texts(cleaned)
        assert _texts(cleaned).count(MARKER) == 23 == redactor.n_redacted  # and HF_TOKEN's by its name
        assert cleaned.history.schema == HISTORY_SCHEMA
        assert cleaned.objects.schema == OBJECTS_SCHEMA
        again = redactor.clean_run(cleaned)
        assert _texts(again) == _texts(cleaned)
        assert redactor.n_redacted == 23


def test_a_run_without_secrets_comes_back_as_it_was() -> None:
    run = _run("nothing")
    clean = SourceRun(
        **{entry.name: getattr(run, entry.name) for entry in fields(run)} | {"environment": {"git": {"commit": KEY}}}
    )
    cleaned = Redactor().clean_run(clean)
    assert _texts(cleaned) == _texts(clean)
    assert cleaned.objects.equals(clean.objects)
    assert cleaned.history["name"].to_pylist() == clean.history["name"].to_pylist()


def test_what_tells_runs_apart_loses_known_secrets_only() -> None:
    run = SourceRun(kind="t", label="l", key=(KEY, "a"), marks=(f"x {KEY}",), status="finished", verdict="complete")
    assert Redactor().clean_run(run).key == (KEY, "a")
    cleaned = Redactor([KEY]).clean_run(run)
    assert (cleaned.key, cleaned.marks) == ((MARKER, "a"), (f"x {MARKER}",))


def test_objects_are_cleaned_by_their_own_names_and_keep_their_json() -> None:
    pairs = [
        ("api_key", '"abc"'), ("conf", '{"password": "abc", "n": NaN, "big": 123456789012345678901234567890}'),
        ("conf", f'{{"bad json {HF}'), ("loss", "null"), ("text", '"no \\u00e9 here"'), ("commit", f'"{KEY}"'),
        ("note", f'"{KEY}"'),
    ]  # fmt: skip
    cleaned = Redactor().clean_run(
        SourceRun(kind="t", label="l", key=("k",), status="finished", verdict="complete", objects=_objects(pairs))
    )
    assert cleaned.objects["json"].to_pylist() == [
        f'"{MARKER}"', f'{{"password": "{MARKER}", "n": NaN, "big": 123456789012345678901234567890}}',
        f'{{"bad json {MARKER}', "null", '"no \\u00e9 here"', f'"{KEY}"', f'"{MARKER}"',
    ]  # fmt: skip


def test_two_names_that_become_one_both_stay() -> None:
    cleaned = Redactor().clean({f"{HF}": 1, MARKER: 2, f"{HF[:-1]}z": 3})
    assert sorted(cleaned.values()) == [1, 2, 3]  # type: ignore[attr-defined]


def test_the_secrets_of_the_environment_are_known(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password from-the-netrc-file\n", encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    environment = {
        "HOME": str(tmp_path), "MY_SERVICE_PASSWORD": "tell nobody!", "SHORT_SECRET": "abc", "USER": "ada-lovelace",
        "OPENAI_API_KEY": "not-of-any-shape", "SSH_AUTH_SOCK": "/run/agent/x1y2z3a4b5c6d7", "API_TOKEN": "disabled",
    }  # fmt: skip
    redactor = Redactor.from_environment(environment)
    text = "from-the-netrc-file, tell nobody!, abc, not-of-any-shape, ada-lovelace, /run/agent/x1y2z3a4b5c6d7, disabled"
    cleaned = f"{MARKER}, {MARKER}, abc, {MARKER}, ada-lovelace, /run/agent/x1y2z3a4b5c6d7, disabled"
    assert redactor.clean_text(text) == cleaned
    assert redactor.n_redacted == 3


@pytest.mark.parametrize("content", ["machine", "machine a login b password", "\x00\xff", ""])
def test_a_broken_netrc_file_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "netrc").write_text(content, encoding="utf-8")
    assert Redactor.from_environment({"NETRC": str(tmp_path / "netrc")}).clean_text("machine") == "machine"
