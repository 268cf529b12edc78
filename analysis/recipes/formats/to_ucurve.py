"""Ucurve: a sweep file of one configuration and one seed, which `load_sweep_spec` reads.

Run by the version that wrote it on the same data it is the same trial: its `trial_key` is equal.
"""

from __future__ import annotations

import re
from typing import Final

from analysis.recipes.data_and_model import BUILT_IN, is_pattern, model_note
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_full, refuse_other_objectives
from analysis.recipes.sheet import Sheet, show
from analysis.recipes.writing import write_yaml

_LEFT: Final = (
    "learning_rate", "batch_size", "lora_rank", "lora_alpha", "lora_dropout", "weight_decay", "adam_beta1",
    "adam_beta2", "adam_eps", "max_length", "loss_on",
)  # fmt: skip
"""Settings whose name and meaning are the same in a sweep file."""
HUB_ID: Final = r"[A-Za-z0-9][\w.-]*/[\w.-]+"
"""A name with its owner; names without one may be those of files."""
_SOURCES: Final = ("builtin", "path", "hub")
"""Keys of a sweep file that say where the examples are; a file has one of them."""
_NEEDED: Final = {
    "model": "model: the id of a model",
    "dataset": "dataset: a name or the path of a file",
    "learning_rate": "training.learning_rate",
    "budget": "budget: {steps: N}, {epochs: N} or {tokens: N}",
}
"""What a sweep file cannot do without."""


def to_ucurve(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns the sweep file.

    Raises:
        ConfigError: Ucurve does not train this: another objective, or all weights.
    """
    refuse_other_objectives(recipe, "ucurve", "sft")
    refuse_full(recipe, "ucurve")
    if recipe.batch_size is not None:
        layout.split(recipe.batch_size)  # an impossible layout is a mistake here as well
    sheet = Sheet(recipe)
    sheet.fixed("name", f"recipe-{recipe.run_id}"[:64])
    _put_model(sheet)
    _put_data(sheet)
    sheet.put("seed", "seeds", None if recipe.seed is None else [recipe.seed])
    _put_budget(sheet)
    for name in _LEFT:
        sheet.put(name, f"training.{name}", getattr(recipe, name))
    _put_training(sheet)
    for key in ("evaluation.every", "evaluation.max_examples", "evaluation.at_start"):
        if key in recipe.asked:
            sheet.fixed(key, recipe.asked[key])
    sheet.always("objective", recipe.objective, "sft", "Ucurve does supervised fine-tuning")
    sheet.always("adapter", recipe.adapter, "lora", "Ucurve trains LoRA adapters on plain weights")
    sheet.always("optimizer", recipe.optimizer, "adamw", "it is always AdamW")
    text = write_yaml([*header(recipe, "Ucurve", "ucurve sweep THIS_FILE"), *_gaps(sheet)], sheet.lines)
    return Rendered("ucurve", {"ucurve.yaml": text}, tuple(sheet.lines))


def _put_model(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.model_folder is not None:
        sheet.put("model", "model.id", recipe.model_folder, model_note(recipe))
    elif recipe.model_digest is not None:
        what = f"the run knows the name and the digest {recipe.model_digest} of a local folder: give its path"
        sheet.put("model", "model.id", f"./{recipe.model}" if recipe.model else None, what)
    else:
        sheet.put("model", "model.id", recipe.model)
    if recipe.model_revision is not None:
        sheet.put("model", "model.revision", recipe.model_revision)


def _put_data(sheet: Sheet) -> None:
    """As its sweep file had it; of runs that did not keep that, the name and the digest of the examples."""
    recipe = sheet.recipe
    name = recipe.dataset
    digest = f"; the same examples have the digest {recipe.dataset_digest}" if recipe.dataset_digest else ""
    kept = {key: value for key, value in recipe.kept.get("dataset", {}).items() if value is not None}
    source = next((key for key in _SOURCES if key in kept), None)
    if source is not None:
        sheet.put("dataset", f"dataset.{source}", kept.pop(source), f"as the run was trained{digest}")
        for key, value in kept.items():
            sheet.fixed(f"dataset.{key}", value)
    elif name in BUILT_IN:
        sheet.put("dataset", "dataset.builtin", name, f"its further keys, if it had any, are not in the run{digest}")
    elif name is not None and re.fullmatch(HUB_ID, name):
        sheet.put("dataset", "dataset.hub", name, f"its further keys, if it had any, are not in the run{digest}")
    elif name is not None:
        note = f"the run knows only the name {name!r}: give the path of the file with the examples{digest}"
        sheet.put("dataset", "dataset.path", f"./{name}.jsonl", note)
    else:
        sheet.missing("dataset")


def _put_budget(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.budget == "tokens":
        sheet.put("budget", "budget.tokens", recipe.token_budget)
    elif recipe.budget == "epochs":
        sheet.put("budget", "budget.epochs", recipe.epochs)
    else:
        sheet.put("budget", "budget.steps", recipe.max_steps)


def _put_training(sheet: Sheet) -> None:
    recipe = sheet.recipe
    _put_targets(sheet)
    if recipe.schedule in ("constant", "linear", "cosine", None):
        sheet.put("schedule", "training.schedule", recipe.schedule)
    else:
        sheet.lacks("schedule", f"{recipe.schedule!r} is not among constant, linear and cosine")
    _put_warmup(sheet)
    if recipe.clips is None:
        sheet.missing("clip_norm")
    elif recipe.clips:
        sheet.put("clip_norm", "training.clip_norm", recipe.clip_norm)
    else:
        sheet.fixed("training.clip_norm", None)
        sheet.always("clip_norm", "off", "off", "null: nothing is clipped")
    asked = recipe.asked.get("precision")
    precision = asked if isinstance(asked, str) else recipe.computed_in
    if precision in ("auto", "float32", "bfloat16", None):
        used = f"it was {recipe.precision} on that machine" if precision == "auto" and recipe.precision else ""
        sheet.put("precision", "training.precision", precision, used)
    else:
        sheet.lacks("precision", f"{precision!r} is not among float32 and bfloat16")


def _put_warmup(sheet: Sheet) -> None:
    """As it was configured: what came of it depends on the number of steps."""
    recipe = sheet.recipe
    steps = recipe.asked.get("warmup_steps") if recipe.asked else recipe.warmup_steps
    if steps is not None:
        sheet.put("warmup", "training.warmup_steps", steps)
    else:
        sheet.put("warmup", "training.warmup_ratio", recipe.warmup_ratio)


def _put_targets(sheet: Sheet) -> None:
    names = sheet.recipe.target_modules
    if names == (ALL_LINEAR,):
        sheet.put("target_modules", "training.target_modules", "all", "the linear layers of a Llama-like model")
    elif is_pattern(sheet.recipe) and names:
        sheet.lacks("target_modules", f"Ucurve takes names of layers; this run had the pattern {names[0]!r}")
    else:
        sheet.put("target_modules", "training.target_modules", None if names is None else list(names))


def _gaps(sheet: Sheet) -> list[str]:
    """Returns what is left to the reader: needed keys the run does not say, and defaults that fill the others."""
    missing = list(dict.fromkeys(line.setting for line in sheet.lines if line.status == "missing" and line.setting))
    needed = [
        f"! Not complete without {_NEEDED[name]}, which the run does not say." for name in missing if name in _NEEDED
    ]
    rest = [name for name in missing if name not in _NEEDED]
    filled = [f"! Ucurve's own defaults fill what the run does not say: {show(rest)}."] if rest else []
    return [*needed, *filled]
