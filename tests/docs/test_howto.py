"""How-tos are pages of their own that work: each command on any page parses, and what is marked as shell is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import pytest
import typer

from analysis.store import Store
from runner.cli.reference import verbs
from tests.docs.pages import DOCS, PAGES, ROOT, blocks, without_blocks
from tests.runner.cli.calling import Caller
from tests.tiny_sweep import train_tiny_sweep

HOWTO: Final = DOCS / "howto"
ASKED_FOR: Final = (
    "import-wandb", "launch-on-a-workstation", "deploy-for-a-team", "add-an-importer", "add-a-benchmark",
    "add-a-strategy",
)  # fmt: skip
VERBS: Final = dict(verbs())
_END: Final = frozenset({"|", ">", ">>", "&&", ";", "||", "&", "2>", "<"})


def commands(text: str) -> Iterator[list[str]]:
    """Words of each `ucurve` command in fenced blocks, without comments and what follows it in a pipe."""
    shown = [line.removeprefix("$ ") for block in blocks(text, "console") for line in _lines(block) if line[:2] == "$ "]
    run = [line for language in ("sh", "") for block in blocks(text, language) for line in _lines(block)]
    for line in [*shown, *run]:
        if not re.match(r"(\w+=\S+ )*ucurve ", line):
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        found = list(words)
        end = next((at for at, word in enumerate(found) if word in _END), len(found))
        yield found[found.index("ucurve") : end]


def mentions(text: str) -> list[str]:
    """Commands inside sentences."""
    return re.findall(r"`(ucurve [^`\n]+)`", without_blocks(text))


def _lines(block: str) -> list[str]:
    """Lines of a block, those that go on joined; what stands in a file that the block writes is left out."""
    without = re.sub(r"<<'END'\n.*?^END$", "", block, flags=re.DOTALL | re.MULTILINE)
    return [line.strip() for line in without.replace("\\\n", " ").splitlines()]


def parse(words: list[str]) -> None:
    """Asks the verb that the words name whether it takes the rest."""
    at = max(n for n in range(1, len(words) + 1) if " ".join(words[:n]) in VERBS)
    VERBS[" ".join(words[:at])].make_context(" ".join(words[:at]), words[at:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_is_one_that_the_program_takes(page: Path) -> None:
    wrong = []
    for words in commands(page.read_text(encoding="utf-8")):
        try:
            parse(words)
        except (ValueError, click.ClickException, typer.BadParameter) as problem:
            wrong.append((shlex.join(words), str(problem)))
        except (click.exceptions.Exit, SystemExit):
            continue
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_verbs_and_options_that_a_sentence_names_are_there(page: Path) -> None:
    for said in mentions(page.read_text(encoding="utf-8")):
        words = said.split()
        if words[1] in ("VERB", "--version", "--help"):
            continue
        at = max(n for n in range(1, len(words) + 1) if any(_begins(verb, words[:n]) for verb in VERBS))
        assert at > 1, f"`{said}`: there is no such verb"
        verb = VERBS.get(" ".join(words[:at]))
        known = {option for each in verb.params for option in (*each.opts, *each.secondary_opts)} if verb else set()
        assert {word for word in words if word.startswith("--")} <= known | {"--help"}, f"`{said}`"


def _begins(verb: str, words: Sequence[str]) -> bool:
    return verb.split()[: len(words)] == list(words)


def test_a_command_that_the_program_does_not_take_is_found() -> None:
    lines = ["```console", "$ ucurve runs --nope", "$ UCURVE_SITE=x ucurve queue show JOB | head  # ok", "```"]
    text = "\n".join([*lines, "  ```sh", "  ucurve fly", "  ```", ""])
    found = list(commands(text))
    assert found == [["ucurve", "runs", "--nope"], ["ucurve", "queue", "show", "JOB"], ["ucurve", "fly"]]
    parse(found[1])
    for words in (found[0], found[2]):
        with pytest.raises(Exception, match=r"nope|empty"):
            parse(words)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_how_tos_are_pages_with_steps_and_commands_and_in_the_map(name: str) -> None:
    text = (HOWTO / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith("# How to ")
    assert list(commands(text))
    assert len(text.split()) > 150, "more than a list of links"
    assert f"howto/{name}.md" in (DOCS / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A tiny model's sweep, for how-tos that begin with some runs."""
    return train_tiny_sweep(tmp_path_factory.mktemp("trained"))


def steps() -> list[str]:
    """How-tos with something to run."""
    return sorted(page.stem for page in HOWTO.glob("*.md") if blocks(page.read_text(encoding="utf-8"), "sh"))


def test_some_how_tos_are_run() -> None:
    assert steps() == ["add-a-benchmark", "deploy-for-a-team", "launch-on-a-workstation"]


@pytest.mark.parametrize("name", steps())
def test_the_steps_of_a_how_to_work(
    name: str, ucurve: Caller, trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UCURVE_QUEUE", raising=False)
    shutil.copytree(trained.location, tmp_path / "ucurve-store")
    text = (HOWTO / f"{name}.md").read_text(encoding="utf-8")
    for block in blocks(text, "sh"):
        if "<<'END'" in block:
            subprocess.run(["bash", "-eu", "-c", block], env={"PATH": os.environ["PATH"]}, check=True)
            continue
        for line in _lines(block):
            answer = ucurve(*shlex.split(line)[1:])
            assert answer.code == 0, f"{line}\n{answer.out}\n{answer.err}"


def test_the_site_file_of_the_how_to_passes_its_own_check(
    ucurve: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (HOWTO / "deploy-for-a-team.md").read_text(encoding="utf-8")
    assert ucurve("site", "init").code == 0
    (written,) = blocks(text, "toml")
    (tmp_path / "ucurve.toml").write_text(written)
    secrets = tmp_path / "ucurve.secrets.toml"
    assert "client_secret" in ucurve("site", "check", "ucurve.toml").err
    secrets.write_text(secrets.read_text().replace('client_secret = ""', 'client_secret = "from-the-provider"'))

    answer = ucurve("site", "check", "ucurve.toml")

    assert answer.code == 0, answer.err
    assert answer.out.endswith("All there: ucurve app --lan --site ucurve.toml\n")
