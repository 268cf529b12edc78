"""What the model card states: `README.md` as the Trainer and TRL write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.importers.trainer.plain_yaml import read_plain_yaml

MAX_BYTES: Final = 1024 * 1024
MAX_ENTRIES: Final = 200
_FRONT: Final = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
_LINE: Final = re.compile(r"- ([\w.]+):? (.*)")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model card states.

    Attributes:
        base_model: The model that was trained on.
        dataset: The data set, where it names exactly one.
        hyperparameters: The list "Training hyperparameters", names as in the card.
        versions: The list "Framework versions".
    """

    base_model: str | None = None
    dataset: str | None = None
    hyperparameters: Mapping[str, int | float | str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def read_model_card(path: Path) -> ModelCard:
    """The model card in a file; an empty one where there is none that can be read."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace").replace("\r\n", "\n")
    except OSError:
        return ModelCard()
    front = _front_matter(text)
    datasets = front.get("datasets")
    if isinstance(datasets, list) and len(datasets) == 1:
        datasets = datasets[0]
    base_model = front.get("base_model")
    return ModelCard(
        base_model=base_model if isinstance(base_model, str) else None,
        dataset=datasets if isinstance(datasets, str) else None,
        hyperparameters={
            name: _number_or_text(value) for name, value in _list_below(text, "### Training hyperparameters").items()
        },
        versions=_list_below(text, "### Framework versions"),
    )


def _front_matter(text: str) -> Mapping[str, object]:
    """The block of YAML at the beginning."""
    match = _FRONT.match(text)
    return read_plain_yaml(match[1]) if match else {}


def _list_below(text: str, heading: str) -> dict[str, str]:
    """The entries `- name: value` below a heading, up to the next heading."""
    _, found, rest = text.partition(f"\n{heading}\n")
    lines = rest.split("\n#", 1)[0].splitlines() if found else []
    matches = [match for line in lines[:MAX_ENTRIES] if (match := _LINE.fullmatch(line.strip()))]
    return {match[1]: match[2].strip() for match in matches}


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
