"""From a file (or a mapping made by a form) to a checked SweepSpec."""

from __future__ import annotations

import re
from pathlib import Path

from analysis.store.identity import ID_PATTERN
from analysis.strict_yaml.document import Document, parse_yaml, read_yaml
from analysis.strict_yaml.problems import Problem
from analysis.strict_yaml.validate import validate
from runner.errors import ConfigError
from runner.spec.schema import SweepSpec


def load_sweep_spec(path: Path) -> SweepSpec:
    """Returns the checked sweep of a YAML file; `name` defaults to the file's stem.

    Raises:
        ConfigError: one sentence per mistake, each with file, line, key, value and fix.
    """
    return _check(read_yaml(Path(path)), file=str(path), folder=Path(path).parent, stem=Path(path).stem)


def parse_sweep_spec(text: str, *, file: str = "sweep.yaml", folder: Path | None = None) -> SweepSpec:
    """Returns the checked sweep of YAML text, as `load_sweep_spec` does for a file; `folder` anchors relative paths."""
    return _check(parse_yaml(text, file), file=file, folder=folder, stem=Path(file).stem)


def _check(document: Document, *, file: str, folder: Path | None, stem: str) -> SweepSpec:
    values = document.value
    if not isinstance(values, dict):
        got = "is empty" if values is None else "holds no `key: value` lines"
        raise ConfigError(Problem(got, "start from examples/demo.yaml").sentence(file))
    if "name" not in values:
        _check_stem(stem, file)
        values = {"name": stem, **values}
    return validate(SweepSpec, values, document, file, {"folder": None if folder is None else folder.resolve()})


def _check_stem(stem: str, file: str) -> None:
    if not re.fullmatch(ID_PATTERN, stem):
        message = f"the file's name {stem!r} cannot be the sweep's name"
        raise ConfigError(Problem(message, "add a line such as name: my-sweep").sentence(file))
