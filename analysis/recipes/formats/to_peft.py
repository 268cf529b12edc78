"""PEFT and transformers: `adapter_config.json`, and the arguments of transformers' Trainer as JSON.

JSON has no comments, so what has no equivalent stands in a third file. Source: peft 0.21, `LoraConfig`; transformers
5.23, `TrainingArguments`.
"""

from __future__ import annotations

from analysis.recipes.data_and_model import data_note, is_pattern, put_model
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_full
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import put_precision, put_trainer_arguments, whole
from analysis.recipes.writing import write_json, write_notes

USAGE = (
    "LoraConfig.from_pretrained(FOLDER), and "
    "HfArgumentParser(TrainingArguments).parse_json_file('FOLDER/training_args.json')"
)


def to_peft(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns the three files.

    Raises:
        ConfigError: the run trained all weights: there is no adapter to configure.
    """
    refuse_full(recipe, "peft")
    adapter, trainer, rest = Sheet(recipe), Sheet(recipe), Sheet(recipe)
    _put_adapter(adapter)
    put_trainer_arguments(trainer, layout)
    if recipe.model_dtype is not None:
        rest.lacks("precision", f"load the base model with dtype={recipe.model_dtype}")
    put_precision(trainer)
    trainer.fixed("output_dir", f"outputs/{recipe.run_id}")
    _put_data(rest)
    lines = (*adapter.lines, *trainer.lines, *rest.lines)
    files = {
        "adapter_config.json": write_json(adapter.lines),
        "training_args.json": write_json(trainer.lines),
        "NOTES.txt": write_notes(header(recipe, "PEFT and transformers", USAGE), lines),
    }
    return Rendered("peft", files, lines)


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.adapter is None:
        sheet.missing("adapter")
        sheet.fixed("peft_type", "LORA")
    else:
        sheet.put("adapter", "peft_type", "LORA")
    if recipe.adapter == "qlora":
        sheet.lacks("adapter", "load the base model with BitsAndBytesConfig(load_in_4bit=True)")
    sheet.fixed("task_type", "CAUSAL_LM")
    put_model(sheet, "base_model_name_or_path", "revision")
    sheet.put("lora_rank", "r", recipe.lora_rank)
    sheet.put("lora_alpha", "lora_alpha", whole(recipe.lora_alpha))
    sheet.put("lora_dropout", "lora_dropout", recipe.lora_dropout)
    names = recipe.target_modules
    # A list of one is a name; PEFT reads `all-linear` and patterns from a plain text only.
    one = names is not None and (names == (ALL_LINEAR,) or is_pattern(recipe))
    sheet.put("target_modules", "target_modules", names[0] if one and names else names)


def _put_data(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.objective is None:
        sheet.missing("objective")
    else:
        sheet.lacks("objective", f"{recipe.objective}: neither file says what is minimised; your labels do")
    if recipe.dataset is None:
        sheet.missing("dataset")
    else:
        sheet.lacks("dataset", f"give the Trainer {recipe.dataset!r}; {data_note(recipe)}".rstrip("; "))
    if recipe.max_length is None:
        sheet.missing("max_length")
    else:
        sheet.lacks("max_length", f"cut sequences at {recipe.max_length} tokens when you tokenise them")
    if recipe.loss_on is None:
        sheet.missing("loss_on")
    else:
        which = "of the last answer only" if recipe.loss_on == "response" else "of prompts and answers"
        sheet.lacks("loss_on", f"the loss counts tokens {which}: set the other labels to -100")
