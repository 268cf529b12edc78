"""LLaMA-Factory: the YAML of `llamafactory-cli train FILE`. Source: llamafactory 0.9.5, `hparams`."""

from __future__ import annotations

from analysis.recipes.data_and_model import data_note, is_pattern, put_model
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_other_objectives
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import put_precision, put_trainer_arguments, whole
from analysis.recipes.writing import write_yaml


def to_llama_factory(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns LLaMA-Factory's YAML.

    Raises:
        ConfigError: the objective is neither sft nor dpo.
    """
    refuse_other_objectives(recipe, "llama-factory", "sft", "dpo")
    sheet = Sheet(recipe)
    put_model(sheet, "model_name_or_path", "model_revision")
    _put_objective(sheet)
    _put_data(sheet)
    _put_adapter(sheet)
    put_trainer_arguments(sheet, layout)
    put_precision(sheet)
    sheet.fixed("output_dir", f"outputs/{recipe.run_id}")
    text = write_yaml(header(recipe, "LLaMA-Factory", "llamafactory-cli train THIS_FILE"), sheet.lines)
    return Rendered("llama-factory", {"llama-factory.yaml": text}, tuple(sheet.lines))


def _put_objective(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.objective is None:
        sheet.missing("objective")
        sheet.fixed("stage", "sft", "the run does not say what it minimised")
    else:
        sheet.put("objective", "stage", recipe.objective)
    sheet.fixed("do_train", True)
    if recipe.objective == "dpo":
        sheet.put("objective", "pref_beta", recipe.beta)


def _put_data(sheet: Sheet) -> None:
    """LLaMA-Factory takes the chat template of the tokenizer when no `template` is named."""
    recipe = sheet.recipe
    named = f"{data_note(recipe)}; it must be listed in data/dataset_info.json".lstrip("; ")
    sheet.put("dataset", "dataset", recipe.dataset, named)
    cut = "of long examples prompt and answer are both cut here, in Ucurve only the end" if recipe.is_local else ""
    sheet.put("max_length", "cutoff_len", recipe.max_length, cut)
    sheet.fixed("packing", False)
    if recipe.objective == "dpo":
        sheet.always("loss_on", recipe.loss_on, "response", "DPO counts the answers only")
    elif recipe.loss_on is None:
        sheet.missing("loss_on")
    else:
        sheet.put("loss_on", "train_on_prompt", recipe.loss_on == "all")
        if recipe.is_local and recipe.loss_on == "response":
            sheet.put("loss_on", "mask_history", True, "only the last answer counts")


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    sheet.put("adapter", "finetuning_type", "lora" if recipe.adapter == "qlora" else recipe.adapter)
    if recipe.is_full:
        return
    if recipe.adapter == "qlora":
        sheet.put("adapter", "quantization_bit", 4)
    sheet.put("lora_rank", "lora_rank", recipe.lora_rank)
    alpha = whole(recipe.lora_alpha)
    if isinstance(alpha, float):
        sheet.lacks("lora_alpha", f"LLaMA-Factory takes whole numbers only; this run had {alpha!r}")
    else:
        sheet.put("lora_alpha", "lora_alpha", alpha)
    sheet.put("lora_dropout", "lora_dropout", recipe.lora_dropout)
    names = recipe.target_modules
    if is_pattern(recipe) and names:
        sheet.lacks("target_modules", f"LLaMA-Factory takes names only; this run had the pattern {names[0]!r}")
    else:
        sheet.put("target_modules", "lora_target", "all" if names == (ALL_LINEAR,) else names and ",".join(names))
