"""A recipe as the files of one tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.errors import ConfigError
from analysis.recipes.recipe import Recipe
from analysis.recipes.sheet import Line


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is written for one tool.

    Attributes:
        format: Name of the format.
        files: Name of each file -> its text; most formats have one.
        lines: What became of every setting.
    """

    format: str
    files: Mapping[str, str]
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The file; of several each below a line with its name."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return "\n".join(f"===== {name} =====\n{text}" for name, text in self.files.items())

    def sentences(self, status: str) -> list[str]:
        """Returns the notes of the settings with one status, such as `no_equivalent`."""
        return [f"{line.setting}: {line.note}" for line in self.lines if line.status == status]

    def to_json(self, recipe: Recipe) -> dict[str, object]:
        """Returns the documented JSON keys; `recipe` is the one that was rendered."""
        counts = Counter(line.status for line in self.lines if line.setting is not None)
        return {
            "run_id": recipe.run_id,
            "trial_key": recipe.trial_key,
            "format": self.format,
            "settings": [{**line.to_json(), "source": _source(line, recipe)} for line in self.lines],
            "n_translated": counts["translated"],
            "n_no_equivalent": counts["no_equivalent"],
            "n_missing": counts["missing"],
            "caveats": [*recipe.caveats, *recipe.notes],
            "files": dict(self.files),
        }


_FIELDS: Final = {
    "warmup": ("warmup_steps", "warmup_ratio"),
    "budget": ("max_steps", "epochs", "token_budget"),
    "clip_norm": ("clip_norm", "clips"),
}
"""Settings that several fields of a recipe hold."""


def _source(line: Line, recipe: Recipe) -> str | None:
    """Where the value of a setting comes from."""
    fields = _FIELDS.get(line.setting or "", (line.setting or "",))
    return next((recipe.sources[name] for name in fields if name in recipe.sources), None)


def header(recipe: Recipe, tool: str, usage: str) -> list[str]:
    """Returns what stands at the top of every file: which run it is, how to use it, and what to know of it."""
    named = f" {recipe.name!r}" if recipe.name else ""
    sweep = f" of sweep {recipe.sweep_id}" if recipe.sweep_id else ""
    key = f", trial_key {recipe.trial_key}" if recipe.trial_key else ""
    lines = [f"Recipe for {tool}, exported by Ucurve from run {recipe.run_id}{named}{sweep}{key}.", f"Use: {usage}"]
    lines += [f"! {sentence}" for sentence in recipe.caveats]
    lines += [f"! {sentence}" for sentence in recipe.notes]
    if recipe.is_local and not tool.startswith("Ucurve"):
        lines.append("Every tool draws other numbers from the same seed: order of the data, first weights.")
    return lines


def refuse_other_objectives(recipe: Recipe, name: str, *known: str) -> None:
    """Raises ConfigError where the run minimised what the format knows nothing of; an unknown objective passes."""
    if recipe.objective is not None and recipe.objective not in known:
        raise ConfigError(
            f"The format {name} knows {' and '.join(known)}; run {recipe.run_id} has objective {recipe.objective!r}."
        )


def refuse_full(recipe: Recipe, name: str) -> None:
    """Raises ConfigError where the run trained all weights, and the format configures adapters."""
    if recipe.is_full:
        raise ConfigError(
            f"The format {name} configures LoRA adapters; run {recipe.run_id} trained all weights: take trl, axolotl, "
            "llama-factory or open-instruct."
        )
