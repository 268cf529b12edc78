"""What is made from the code is up to date, and what the program knows has its place in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, get_args

import pytest
from pydantic import BaseModel

from analysis.recipes.render import FORMATS
from analysis.reports.order import SECTIONS
from docs.tools.make_screenshots import FOLDER, PICTURES, QUERIES, picture_file
from runner.access.site import SiteSettings
from runner.cli.reference import reference, verbs
from runner.job_files import JobStatus, RunStatus
from tests.docs.pages import DOCS
from tests.pages.registered import registered_pages

MOST_BYTES: Final = 200_000


def test_the_reference_of_the_command_line_is_that_of_the_program() -> None:
    assert (DOCS / "reference" / "cli.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("verb", dict(verbs()))
def test_every_option_of_every_verb_is_in_the_reference(verb: str) -> None:
    _, _, after = reference().partition(f"\n## {verb}\n")
    section = after.partition("\n## ")[0]
    for parameter in dict(verbs())[verb].params:
        if parameter.name != "help":
            assert parameter.help
            assert all(f"`{option}`" in section for option in parameter.opts if option.startswith("-"))


def test_every_page_has_its_paragraph_and_its_picture() -> None:
    text = (DOCS / "dashboard.md").read_text(encoding="utf-8")

    assert set(QUERIES) == registered_pages()
    for page in registered_pages():
        title = {"import_runs": "Import"}.get(page, page.replace("_", " ").capitalize())
        assert f"**{title}**" in text
    for page, screen in PICTURES:
        assert picture_file(page, screen).is_file(), f"run `make screenshots` for {page}"
        assert picture_file(page, screen).stat().st_size < MOST_BYTES
    assert {file.name for file in FOLDER.iterdir()} == {picture_file(*picture).name for picture in PICTURES}


def _site_keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
        kind = kinds[0] if len(kinds) == 1 else field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _site_keys(kind, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_every_key_of_the_site_file_is_documented_and_no_other() -> None:
    section = (DOCS / "deploy.md").read_text(encoding="utf-8").partition("### The site file")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", section, flags=re.MULTILINE)
    documented = {key.removesuffix(".CLAIM") for row in rows for key in re.findall(r"`([a-z_.A-Z]+)`", row)}

    assert documented == set(_site_keys(SiteSettings))


def test_every_key_of_a_job_s_status_is_documented_and_no_other() -> None:
    section = (DOCS / "queue.md").read_text(encoding="utf-8").partition("`status.json` holds")[2].partition("\n\n`")[0]
    known = {*JobStatus.model_fields, *RunStatus.model_fields}
    words = {"preparing", "training", "scoring", "done", "null"}

    assert set(re.findall(r"`([a-z_]+)`", section)) - words == known


def test_every_format_of_a_recipe_is_documented_and_no_other() -> None:
    section = (DOCS / "recipes.md").read_text(encoding="utf-8").partition("| Format |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE) == list(FORMATS)


def test_every_section_and_format_of_a_report_is_documented() -> None:
    text = (DOCS / "reports.md").read_text(encoding="utf-8")
    section = text.partition("| Section |")[2].partition("\n\n")[0]

    assert set(re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)) == set(SECTIONS)
    assert all(f"**{name}**" in text for name in ("HTML", "PDF", "Markdown", "CSV", "Parquet"))
