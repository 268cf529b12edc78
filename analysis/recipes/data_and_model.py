"""The base model and the data in a tool's words: names are carried over, and what a name cannot say is noted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from analysis.recipes.recipe import ALL_LINEAR, Recipe
from analysis.recipes.sheet import Sheet

BUNDLED: Final = {"smollm2-135m": "HuggingFaceTB/SmolLM2-135M-Instruct"}
"""Ucurve's names of models that it brings along -> their names on the Hugging Face Hub."""
BUILT_IN: Final = frozenset({"skills", "stdlib-docstrings"})
LLAMA_LAYERS: Final = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
ATTENTION: Final = frozenset({"k_proj", "o_proj", "q_proj", "v_proj"})
MLP: Final = frozenset({"down_proj", "gate_proj", "up_proj"})


def put_model(sheet: Sheet, key: str, revision: str | None) -> None:
    """Adds the base model, and its revision where the tool takes one."""
    recipe = sheet.recipe
    name = BUNDLED.get(recipe.model or "", recipe.model) if recipe.is_local else recipe.model
    sheet.put("model", key, recipe.model_folder or name, model_note(recipe))
    if recipe.model_revision is not None and revision is not None:
        sheet.put("model", revision, recipe.model_revision)
    elif recipe.model_revision is not None:
        sheet.lacks("model", f"the tool takes no revision; this run had {recipe.model_revision!r}")


def model_note(recipe: Recipe) -> str:
    """Returns what a model's name does not say."""
    if recipe.is_local and recipe.model in BUNDLED:
        return "Ucurve trained on its bundled copy of these weights, quantised to 4 bits and unpacked"
    if recipe.model_folder is not None:
        return f"the folder that Ucurve trained, whose digest was {recipe.model_digest}"
    if recipe.model_digest is not None:
        return f"a local folder, of which the run knows the name and the digest {recipe.model_digest}: give its path"
    return ""


def loader_of(file: str) -> str:
    """The loader of `datasets` for a file of examples."""
    return {".parquet": "parquet", ".txt": "text"}.get(Path(file).suffix.lower(), "json")


def data_note(recipe: Recipe) -> str:
    """Returns what the data set's name does not say."""
    if not recipe.is_local or recipe.dataset is None:
        return ""
    digest = f" (digest {recipe.dataset_digest})" if recipe.dataset_digest else ""
    if recipe.data_file is not None:
        return f"Ucurve read {recipe.data_file}{digest}: {_training_part(recipe)}"
    if recipe.dataset in BUILT_IN:
        return f"one of Ucurve's own data sets{digest}: give a file with its examples"
    return f"the name in Ucurve{digest}: give the place of the training part, without the held-out examples"


def _training_part(recipe: Recipe) -> str:
    """What to know of a file before another tool trains on it."""
    held_out = recipe.kept["dataset"].get("held_out", "some")
    if isinstance(held_out, str) and held_out != "some":
        return f"all of it was trained on, {held_out} was held out"
    share = f"{held_out:g}" if isinstance(held_out, float) else held_out
    return f"give a file without the examples that it held out ({share}), or the losses do not compare"


def is_all_layers(recipe: Recipe) -> bool:
    """Whether every linear layer of a Llama-like model has an adapter."""
    return recipe.target_modules in (LLAMA_LAYERS, (ALL_LINEAR,))


def is_pattern(recipe: Recipe) -> bool:
    """Whether the layers are given by a regular expression."""
    names = recipe.target_modules or ()
    return len(names) == 1 and names[0] != ALL_LINEAR and re.fullmatch(r"[\w.-]+", names[0]) is None
