"""open-instruct: the flags of `open_instruct/finetune.py`.

Source: allenai/open-instruct at afe4bb3, `FlatArguments` and `main`; it is installed from its repository only.
"""

from __future__ import annotations

import math

from analysis.recipes.data_and_model import LLAMA_LAYERS, data_note, put_model
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_other_objectives
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import (
    FIRST_STEP,
    has_warmup,
    put_batch,
    put_budget,
    put_clipping,
    put_schedule,
)
from analysis.recipes.writing import write_flags

TORCH_ADAMW = {"adam_beta1": 0.9, "adam_beta2": 0.999, "adam_eps": 1e-8}
"""torch.optim.AdamW's defaults: the script passes nothing else."""


def to_open_instruct(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns a shell script with the flags.

    Raises:
        ConfigError: the objective is not sft.
    """
    refuse_other_objectives(recipe, "open-instruct", "sft")
    sheet = Sheet(recipe)
    sheet.always("objective", recipe.objective, "sft", "finetune.py does supervised fine-tuning")
    put_model(sheet, "model_name_or_path", "model_revision")
    _put_data(sheet)
    _put_adapter(sheet)
    sheet.put("learning_rate", "learning_rate", recipe.learning_rate)
    put_schedule(sheet, "lr_scheduler_type")
    _put_warmup(sheet, layout)
    put_batch(sheet, layout, per_device="per_device_train_batch_size", accumulation="gradient_accumulation_steps")
    sheet.always("optimizer", recipe.optimizer, "adamw", "it always takes torch's AdamW")
    sheet.put("weight_decay", "weight_decay", recipe.weight_decay)
    for name, only in TORCH_ADAMW.items():
        sheet.always(name, getattr(recipe, name), only, f"it is always {only:g}")
    put_clipping(sheet, "clip_grad_norm", off=-1.0)
    _put_budget(sheet)
    sheet.always("precision", recipe.computed_in, "bfloat16", "the base model is always loaded in bfloat16")
    sheet.put("seed", "seed", recipe.seed)
    sheet.fixed("output_dir", f"outputs/{recipe.run_id}")
    sheet.fixed("push_to_hub", False, "the script would publish the model unless it is told not to")
    sheet.fixed("try_launch_beaker_eval_jobs", False)
    command = ["accelerate", "launch", f"--num_processes={layout.devices}", "open_instruct/finetune.py"]
    text = write_flags(header(recipe, "open-instruct", "sh THIS_FILE, in open-instruct's folder"), command, sheet.lines)
    return Rendered("open-instruct", {"open-instruct.sh": text}, tuple(sheet.lines))


def _put_data(sheet: Sheet) -> None:
    recipe = sheet.recipe
    place = recipe.data_file or recipe.dataset
    if place is None:
        sheet.missing("dataset")
    elif place.startswith("-"):
        sheet.lacks("dataset", f"{place!r} would be read as a flag: give its path")
    else:
        sheet.put("dataset", "dataset_mixer_list", [place, "1.0"], data_note(recipe))
    sheet.put("max_length", "max_seq_length", recipe.max_length)
    if recipe.loss_on is None:
        sheet.missing("loss_on")
    elif recipe.loss_on == "all":
        sheet.lacks("loss_on", "it always masks the prompts; this run was trained on them as well")
    else:
        # Ucurve counts the last answer; other tools' conversations are taken to count every answer.
        turns = "last_turn" if recipe.is_local else "sft"
        functions = [f"{turns}_tulu_tokenize_and_truncate_v1", "sft_tulu_filter_v1"]
        sheet.put("loss_on", "dataset_transform_fn", functions)


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    sheet.put("adapter", "use_lora", None if recipe.adapter is None else not recipe.is_full)
    if recipe.is_full:
        return
    if recipe.adapter == "qlora":
        sheet.put("adapter", "use_qlora", True)
    sheet.put("lora_rank", "lora_rank", recipe.lora_rank)
    sheet.put("lora_alpha", "lora_alpha", recipe.lora_alpha)
    sheet.put("lora_dropout", "lora_dropout", recipe.lora_dropout)
    names = LLAMA_LAYERS if recipe.target_modules == (ALL_LINEAR,) else recipe.target_modules
    sheet.always("target_modules", names, LLAMA_LAYERS, "adapters always go to all seven projections")


def _put_warmup(sheet: Sheet, layout: Layout) -> None:
    """The script takes a share, and rounds down the product with the steps (times the devices, as it counts them)."""
    recipe = sheet.recipe
    note = FIRST_STEP if recipe.is_local and has_warmup(recipe) else ""
    if recipe.warmup_steps is not None and recipe.max_steps:
        share = share_for(recipe.warmup_steps, recipe.max_steps, layout.devices)
        counted = f"{recipe.warmup_steps} of {recipe.max_steps} steps; {note}".rstrip("; ")
        sheet.put("warmup", "warmup_ratio", share, counted)
    elif recipe.warmup_steps == 0:
        sheet.put("warmup", "warmup_ratio", 0.0)
    elif recipe.warmup_steps is not None:
        sheet.lacks("warmup", f"it takes a share; this run had {recipe.warmup_steps} steps of an unknown number")
    else:
        sheet.put("warmup", "warmup_ratio", recipe.warmup_ratio, note)


def share_for(part: int, total: int, devices: int) -> float:
    """Returns the share that gives exactly `part` of `total` after rounding down."""
    share = part / total
    return share if int(total * devices * share) >= part * devices else math.nextafter(share, 1.0)


def _put_budget(sheet: Sheet) -> None:
    """Epochs are whole numbers there."""
    recipe = sheet.recipe
    if recipe.max_steps is None and recipe.epochs is not None and not float(recipe.epochs).is_integer():
        sheet.lacks("budget", f"it takes whole epochs only; this run had {recipe.epochs:g}: give max_train_steps")
    else:
        put_budget(sheet, steps="max_train_steps", epochs="num_train_epochs")
