"""What all tools on top of Hugging Face's Trainer have in common: its arguments, named and counted its way.

Source: transformers 5.23, `TrainingArguments` and `optimization.py`. Its schedules reach the peak and fall to zero as
ours do, but the first warm-up step is at zero there and at peak / n here; from step n on the rates are equal.
"""

from __future__ import annotations

from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.sheet import Sheet, show

FIRST_STEP = "the first warm-up step is at zero here and at peak / n in Ucurve; after the warm-up the rates are equal"


def put_trainer_arguments(sheet: Sheet, layout: Layout) -> None:
    """Adds what `transformers.TrainingArguments` holds, under its names."""
    recipe = sheet.recipe
    sheet.put("learning_rate", "learning_rate", recipe.learning_rate)
    put_schedule(sheet, "lr_scheduler_type")
    put_warmup(sheet)
    put_batch(sheet, layout, per_device="per_device_train_batch_size", accumulation="gradient_accumulation_steps")
    put_optimizer(sheet, "optim")
    sheet.put("weight_decay", "weight_decay", recipe.weight_decay)
    sheet.put("adam_beta1", "adam_beta1", recipe.adam_beta1)
    sheet.put("adam_beta2", "adam_beta2", recipe.adam_beta2)
    sheet.put("adam_eps", "adam_epsilon", recipe.adam_eps)
    put_clipping(sheet, "max_grad_norm", off=0.0)
    put_budget(sheet, steps="max_steps", epochs="num_train_epochs")
    sheet.put("seed", "seed", recipe.seed)


def put_schedule(sheet: Sheet, key: str) -> None:
    """Adds the schedule's name: `constant` ignores the warm-up there, `constant_with_warmup` does not."""
    schedule = sheet.recipe.schedule
    if schedule not in ("constant", "linear", "cosine", None):
        sheet.lacks("schedule", f"{schedule!r} is not translated: look its arguments up in the run's configuration")
    elif schedule == "constant" and has_warmup(sheet.recipe):
        sheet.put("schedule", key, "constant_with_warmup")
    else:
        sheet.put("schedule", key, schedule, "" if schedule == "constant" else "from the peak to zero at the last step")


def has_warmup(recipe: Recipe) -> bool:
    """Whether the rate rises at first."""
    return bool(recipe.warmup_steps if recipe.warmup_steps is not None else recipe.warmup_ratio)


def put_warmup(sheet: Sheet, steps: str = "warmup_steps", ratio: str = "warmup_steps") -> None:
    """Adds the warm-up in steps, else as a share of the run."""
    recipe = sheet.recipe
    note = FIRST_STEP if recipe.is_local and has_warmup(recipe) else ""
    if recipe.warmup_steps is not None:
        sheet.put("warmup", steps, recipe.warmup_steps, note)
    elif recipe.warmup_ratio is not None and recipe.warmup_ratio < 1:
        share = "a number below 1 is a share of the run (transformers 5; before: warmup_ratio)"
        sheet.put("warmup", ratio, recipe.warmup_ratio, share if steps == ratio else "")
    else:
        sheet.missing("warmup")


def put_batch(sheet: Sheet, layout: Layout, *, per_device: str, accumulation: str) -> None:
    """Adds the batch as sequences per device and accumulation steps."""
    size = sheet.recipe.batch_size
    if size is None:
        sheet.missing("batch_size")
        return
    each, steps = layout.split(size)
    product = f"{each} per device x {layout.devices} device(s) x {steps} accumulation step(s) = {size} sequences a step"
    sheet.put("batch_size", per_device, each, product)
    sheet.put("batch_size", accumulation, steps)


def put_optimizer(sheet: Sheet, key: str) -> None:
    """Adds AdamW under transformers' name; another optimizer is left to the user."""
    optimizer = sheet.recipe.optimizer
    if optimizer not in ("adamw", None):
        sheet.lacks("optimizer", f"{optimizer!r} is not translated: set it by hand")
        return
    sheet.put("optimizer", key, None if optimizer is None else "adamw_torch")


def put_clipping(sheet: Sheet, key: str, off: object) -> None:
    """Adds the norm that gradients are clipped to; `off` is how the tool writes that nothing is clipped."""
    recipe = sheet.recipe
    if recipe.clips is None:
        sheet.missing("clip_norm")
    elif recipe.clips:
        sheet.put("clip_norm", key, recipe.clip_norm)
    elif off is None:
        sheet.fixed(key, None)
        sheet.always("clip_norm", "off", "off", "nothing is clipped")
    else:
        sheet.put("clip_norm", key, off, "nothing is clipped")


def put_budget(sheet: Sheet, *, steps: str, epochs: str) -> None:
    """Adds the length of the run: its optimizer steps where they are known, since they are exact."""
    recipe = sheet.recipe
    if recipe.max_steps is not None:
        sheet.put("budget", steps, recipe.max_steps, steps_note(recipe))
    elif recipe.epochs is not None:
        sheet.put("budget", epochs, recipe.epochs)
    elif recipe.token_budget is not None:
        sheet.lacks("budget", f"there is no budget in tokens; this run had {recipe.token_budget:,} trained tokens")
    else:
        sheet.missing("budget")


def put_precision(sheet: Sheet) -> None:
    """Adds the two switches of mixed precision."""
    recipe = sheet.recipe
    if recipe.precision not in ("float32", "bfloat16", "float16", "unmixed"):
        sheet.missing("precision")
        return
    unknown = "nothing was mixed, and the run does not say in which type the model was loaded"
    note = unknown if recipe.precision == "unmixed" and recipe.model_dtype is None else ""
    sheet.put("precision", "bf16", recipe.precision == "bfloat16", note)
    sheet.put("precision", "fp16", recipe.precision == "float16")


def steps_note(recipe: Recipe) -> str:
    """Returns what was configured where the steps follow from it."""
    if recipe.budget == "epochs":
        return f"{show(recipe.epochs)} passes over the data came to this; batches are always full in Ucurve"
    if recipe.budget == "tokens" and recipe.token_budget is not None:
        return f"{recipe.token_budget:,} trained tokens came to this"
    return ""


def whole(value: float | None) -> float | int | None:
    """Returns 16.0 as 16, for keys that take whole numbers."""
    return int(value) if value is not None and value.is_integer() else value
