"""`docs/cli.md` explains every verb and every JSON key, and no option that there is not; all stand in the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.store import Store
from runner.cli.reference import verbs
from tests.runner.cli.calling import Caller

_PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
_SHARED = {"--help", "-h"}


VERBS = dict(verbs())


def _section(verb: str) -> str:
    parts = re.split(r"^## ", _PAGE, flags=re.MULTILINE)
    found = [part for part in parts if part.startswith(f"`{verb}`\n")]
    assert len(found) == 1, f"docs/cli.md needs one section '## `{verb}`'"
    return found[0]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented_and_no_option_that_it_does_not_have(verb: str) -> None:
    section = _section(verb)
    options = {
        name
        for parameter in VERBS[verb].params
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name.startswith("-")
    }
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section))
    assert documented <= options - _SHARED


def test_no_section_documents_a_verb_that_is_gone() -> None:
    assert set(re.findall(r"^## `(ucurve[^`]*)`", _PAGE, flags=re.MULTILINE)) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_every_option_an_explanation(verb: str, ucurve: Caller) -> None:
    answer = ucurve(*verb.split()[1:], "--help")
    assert answer.code == 0
    assert VERBS[verb].help
    assert all(parameter.help for parameter in VERBS[verb].params if parameter.name != "help")


def _keys(document: object) -> Iterator[str]:
    """Keys of a document and of objects in lists, down to what the contract names."""
    if isinstance(document, list):
        for item in document:
            yield from _keys(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in {"config", "provenance", "group", "versions", "recommendation", "refusals", "search"}:
                yield from _keys(value)


@pytest.mark.parametrize(
    "verb",
    [
        "ucurve lr-curve",
        "ucurve regret",
        "ucurve importance",
        "ucurve pareto",
        "ucurve search-progress",
        "ucurve agree list",
        "ucurve annotations",
        "ucurve queue",
        "ucurve best",
        "ucurve health",
        "ucurve store info",
        "ucurve store check",
        "ucurve store compact",
    ],
)
def test_every_json_key_is_documented(verb: str, ucurve: Caller, sweep_store: Store) -> None:
    document = ucurve(*verb.split()[1:], "--store", sweep_store.location, "--json").json
    missing = {key for key in _keys(document) if f"`{key}`" not in _section(verb)}
    assert not missing


def test_the_keys_of_recommend_lr_are_documented(ucurve: Caller) -> None:
    document = ucurve("recommend-lr", "google/gemma-2-2b", "--json").json
    assert not {key for key in _keys(document) if f"`{key}`" not in _section("ucurve recommend-lr")}


def test_documented_keys_of_a_run_exist(ucurve: Caller, sweep_store: Store) -> None:
    runs = ucurve("runs", "--store", sweep_store.location, "--json").json
    assert isinstance(runs, list)
    text = _section("ucurve runs").split("JSON:")[1]
    named = set(re.findall(r"`([a-z_]+)`", text)) - {"null", "config_json", "provenance_json"}
    assert named <= set(runs[0])
