"""No package below the version that closed a known hole is installed, or allowed by what the project asks for."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

FLOORS = {
    "streamlit": "1.54",
    "starlette": "1.1",
    "authlib": "1.6.9",
    "jinja2": "3.1.6",
    "torch": "2.10",
    "transformers": "5.2.1",
    "pyarrow": "23.0.1",
    "wandb": "0.29",
}
ONLY_IF_INSTALLED = {"filelock": "4.2.1"}
ASKED = {
    requirement.name: requirement
    for text in tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["dependencies"]
    if (requirement := Requirement(text))
}


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_what_is_installed_has_no_known_hole(package: str, floor: str) -> None:
    assert Version(version(package)) >= Version(floor)


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_what_is_asked_for_has_no_known_hole(package: str, floor: str) -> None:
    least = [Version(each.version) for each in ASKED[package].specifier if each.operator == ">="]

    assert least
    assert least[0] >= Version(floor)


@pytest.mark.parametrize(("package", "floor"), ONLY_IF_INSTALLED.items())
def test_what_others_brought_has_no_known_hole(package: str, floor: str) -> None:
    try:
        installed = version(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    assert Version(installed) >= Version(floor)
