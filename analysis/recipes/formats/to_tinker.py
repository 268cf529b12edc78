"""tinker-cookbook: the arguments of `tinker_cookbook.recipes.chat_sl.train`.

Source: tinker-cookbook 0.6.1, `chat_sl/train.py` and `supervised/train.py`; tinker 0.38, `AdamParams`. The service
fixes the adapter's scale and layers; the command passes on no optimizer settings.
"""

from __future__ import annotations

from analysis.recipes.data_and_model import data_note, put_model
from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_full, refuse_other_objectives
from analysis.recipes.sheet import Sheet, show
from analysis.recipes.trainer_keys import has_warmup, steps_note
from analysis.recipes.writing import write_flags

_ADAM = {"adam_beta1": 0.9, "adam_beta2": 0.95, "adam_eps": 1e-8, "weight_decay": 0.0}


def to_tinker(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns a shell script with the arguments; the service spreads the batch itself, so the layout has no say.

    Raises:
        ConfigError: the objective is not sft, or there is no adapter: the service trains LoRA only.
    """
    refuse_other_objectives(recipe, "tinker-cookbook", "sft")
    refuse_full(recipe, "tinker-cookbook")
    if recipe.batch_size is not None:
        layout.split(recipe.batch_size)  # an impossible layout is a mistake here as well
    sheet = Sheet(recipe)
    sheet.always("objective", recipe.objective, "sft", "chat_sl does supervised fine-tuning")
    put_model(sheet, "model_name", None)
    _put_data(sheet)
    sheet.put("learning_rate", "learning_rate", recipe.learning_rate)
    _put_schedule(sheet)
    sheet.put("batch_size", "batch_size", recipe.batch_size, "sequences a step; the service spreads them itself")
    _put_adapter(sheet)
    sheet.always("optimizer", recipe.optimizer, "adamw", "it always takes Adam with decoupled weight decay")
    for name, only in _ADAM.items():
        sheet.always(name, getattr(recipe, name), only, f"this command always has {only:g}")
    clip = None if recipe.clips is None else recipe.clip_norm if recipe.clips else "off"
    sheet.always("clip_norm", clip, "off", "this command clips nothing")
    _put_budget(sheet)
    sheet.nowhere("precision", recipe.computed_in, "the service chooses its own precision")
    sheet.nowhere("seed", recipe.seed, "this command takes no seed")
    command = ["python", "-m", "tinker_cookbook.recipes.chat_sl.train"]
    text = write_flags(header(recipe, "tinker-cookbook", "sh THIS_FILE"), command, sheet.lines, prefix="")
    return Rendered("tinker-cookbook", {"tinker-cookbook.sh": text}, tuple(sheet.lines))


def _put_data(sheet: Sheet) -> None:
    recipe = sheet.recipe
    named = f"{data_note(recipe)}; a .jsonl file with messages, tulu3 or no_robots".lstrip("; ")
    place = recipe.data_file if (recipe.data_file or "").endswith(".jsonl") else recipe.dataset
    sheet.put("dataset", "dataset", place, named)
    sheet.put("max_length", "max_length", recipe.max_length)
    if recipe.loss_on is None:
        sheet.missing("loss_on")
    else:
        # Ucurve counts the last answer; other tools' conversations are taken to count every answer.
        response = "last_assistant_message" if recipe.is_local else "all_assistant_messages"
        sheet.put("loss_on", "train_on_what", response if recipe.loss_on == "response" else "all_tokens")


def _put_schedule(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.schedule in ("constant", "linear", "cosine", None):
        sheet.put("schedule", "lr_schedule", recipe.schedule)
    else:
        sheet.lacks("schedule", f"{recipe.schedule!r} is not among linear, cosine and constant")
    if has_warmup(recipe):
        share = f"{show(recipe.warmup_ratio)} of the run"
        had = share if recipe.warmup_steps is None else f"{recipe.warmup_steps} steps"
        sheet.lacks("warmup", f"there is no warm-up; this run had {had}")
    else:
        none = recipe.warmup_steps is not None or recipe.warmup_ratio is not None
        sheet.always("warmup", 0 if none else None, 0, "there is no warm-up")


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    sheet.always("adapter", recipe.adapter, "lora", "the service trains LoRA adapters only")
    sheet.put("lora_rank", "lora_rank", recipe.lora_rank)
    sheet.nowhere("lora_alpha", recipe.lora_alpha, "the service fixes the adapter's scale")
    sheet.always("lora_dropout", recipe.lora_dropout, 0.0, "there is no dropout")
    everywhere = "this command puts adapters on all layers, the output's included"
    sheet.nowhere("target_modules", recipe.target_modules, everywhere)


def _put_budget(sheet: Sheet) -> None:
    """Steps end a run early but never go beyond the epochs, so both are written where both are known."""
    recipe = sheet.recipe
    more = "the data are passed num_epochs times at most: raise it if they have fewer batches than this"
    if recipe.max_steps is not None:
        sheet.put("budget", "max_steps", recipe.max_steps, f"{steps_note(recipe)}; {more}".lstrip("; "))
    elif recipe.epochs is not None and not float(recipe.epochs).is_integer():
        sheet.lacks("budget", f"it takes whole epochs only; this run had {recipe.epochs:g}: give max_steps")
    elif recipe.epochs is not None:
        sheet.put("budget", "num_epochs", int(recipe.epochs))
    else:
        sheet.nowhere("budget", recipe.token_budget, "there is no budget in tokens")
