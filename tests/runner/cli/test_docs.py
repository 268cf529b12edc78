"""`docs/cli.md` explains every verb and every JSON key, and no option that there is not; all stand in the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from analysis.store import Store
from runner.cli.reference import verbs
from tests import synthetic
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


ASKED: Mapping[str, tuple[str, ...]] = {
    "ucurve lr-curve": (),
    "ucurve regret": (),
    "ucurve batch-scaling": (),
    "ucurve lr-scaling": ("--against", "batch_size"),
    "ucurve importance": (),
    "ucurve pareto": (),
    "ucurve search-progress": (),
    "ucurve agree list": (),
    "ucurve agree metric": ("loss", "eval_loss", "--because", "they are the same"),
    "ucurve agree value": ("model", "SmolLM2", "smollm2-135m"),
    "ucurve annotate": ("synthetic", "--tag", "reviewed"),
    "ucurve annotations": (),
    "ucurve queue": (),
    "ucurve best": (),
    "ucurve health": (),
    "ucurve store info": (),
    "ucurve store check": (),
    "ucurve store compact": (),
}
"""Verbs that print JSON about a store, with what else they are asked."""
SHARED_KEYS: Mapping[str, tuple[str, ...]] = {
    "ucurve lr-scaling": ("ucurve batch-scaling",),
    "ucurve agree metric": ("ucurve agree list",),
    "ucurve agree value": ("ucurve agree list", "ucurve agree metric"),
}
"""Verbs whose section refers to those of others."""
ELSEWHERE: Mapping[str, str] = {
    "ucurve sweep": "test_recipes_train.py",
    "ucurve eval": "test_recipes_train.py",
    "ucurve agree undo": "test_docs.py",
    "ucurve submit": "test_queue_verbs.py",
    "ucurve queue show": "test_queue_verbs.py",
    "ucurve stop": "test_queue_verbs.py",
    "ucurve queue retry": "test_queue_verbs.py",
    "ucurve queue move-first": "test_queue_verbs.py",
    "ucurve runs": "test_docs.py",
    "ucurve recommend-lr": "test_docs.py",
    "ucurve export-recipe": "test_export_recipe.py",
    "ucurve compare": "test_compare_and_best.py",
    "ucurve benchmarks": "test_benchmarks.py",
    "ucurve report": "test_report.py",
    "ucurve import table": "test_import_table.py",
    "ucurve import auto": "test_import_sources.py",
}
"""Verbs whose keys are compared with their section where they have something to print."""


def _undocumented(document: object, verb: str) -> set[str]:
    """Keys that neither the verb's section nor one that it refers to names."""
    text = "".join(_section(each) for each in (verb, *SHARED_KEYS.get(verb, ())))
    return {key for key in _keys(document) if f"`{key}`" not in text}


@pytest.mark.parametrize("verb", ASKED)
def test_every_json_key_is_documented(verb: str, ucurve: Caller, tmp_path: Path) -> None:
    store = synthetic.fill(Store.open(tmp_path / "store", create=True))
    document = ucurve(*verb.split()[1:], *ASKED[verb], "--store", store.location, "--json").json
    assert set(_keys(document))
    assert not _undocumented(document, verb)


def test_the_keys_of_taking_an_agreement_back_are_documented(ucurve: Caller, tmp_path: Path) -> None:
    store = synthetic.fill(Store.open(tmp_path / "store", create=True))
    made = ucurve("agree", "metric", "loss", "eval_loss", "--store", store.location, "--json").json
    assert isinstance(made, dict)
    undone = ucurve("agree", "undo", made["agreement_id"], "--store", store.location, "--json")
    assert undone.code == 0
    assert not _undocumented(undone.json, "ucurve agree list") - {"is_new", "remarks"}


def test_every_verb_that_prints_json_has_its_keys_compared() -> None:
    printing = {verb for verb, found in VERBS.items() if any("--json" in each.opts for each in found.params)}
    imports = {verb for verb in printing if verb.startswith("ucurve import ")} - set(ELSEWHERE)
    assert printing == {*ASKED, *ELSEWHERE, *imports}
    for verb in imports:
        assert "as for `auto`" in _section(verb).replace("\n", " ").lower()
    for verb, file in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert f'"{verb}"' in text


def test_the_keys_of_recommend_lr_are_documented(ucurve: Caller) -> None:
    document = ucurve("recommend-lr", "google/gemma-2-2b", "--json").json
    assert not {key for key in _keys(document) if f"`{key}`" not in _section("ucurve recommend-lr")}


def test_documented_keys_of_a_run_exist(ucurve: Caller, sweep_store: Store) -> None:
    runs = ucurve("runs", "--store", sweep_store.location, "--json").json
    assert isinstance(runs, list)
    text = _section("ucurve runs").split("JSON:")[1]
    named = set(re.findall(r"`([a-z_]+)`", text)) - {"null", "config_json", "provenance_json"}
    assert named <= set(runs[0])
