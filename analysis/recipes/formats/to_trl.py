"""TRL: YAML for `TrlParser`, that is `trl sft --config FILE` or `trl dpo --config FILE`.

Source: trl 1.16, `SFTConfig`, `DPOConfig`, `ModelConfig`, `ScriptArguments`.
"""

from __future__ import annotations

from analysis.recipes.data_and_model import data_note, loader_of, put_model
from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_other_objectives
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import put_precision, put_trainer_arguments, whole
from analysis.recipes.writing import write_yaml

PROMPT_COMPLETION = (
    "only answers count: give the data as columns prompt and completion, with all before the last answer as prompt"
)


def to_trl(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns the YAML of TRL's script for the run's objective.

    Raises:
        ConfigError: TRL's scripts `sft` and `dpo` do not minimise this objective.
    """
    refuse_other_objectives(recipe, "trl", "sft", "dpo")
    script = "dpo" if recipe.objective == "dpo" else "sft"
    sheet = Sheet(recipe)
    put_model(sheet, "model_name_or_path", "model_revision")
    if recipe.data_file is None:
        sheet.put("dataset", "dataset_name", recipe.dataset, data_note(recipe))
    else:
        place = {"path": loader_of(recipe.data_file), "data_files": recipe.data_file, "split": "train"}
        sheet.put("dataset", "datasets", [place], data_note(recipe))
    _put_objective(sheet)
    _put_adapter(sheet)
    put_trainer_arguments(sheet, layout)
    sheet.put("max_length", "max_length", recipe.max_length)
    if recipe.model_dtype is not None:
        sheet.put("precision", "dtype", recipe.model_dtype, "of the base model; PEFT keeps the adapter in float32")
    put_precision(sheet)
    sheet.fixed("output_dir", f"outputs/{recipe.run_id}")
    text = write_yaml(header(recipe, "TRL", f"trl {script} --config THIS_FILE"), sheet.lines)
    return Rendered("trl", {f"trl-{script}.yaml": text}, tuple(sheet.lines))


def _put_objective(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.objective == "dpo":
        sheet.put("objective", "beta", recipe.beta, "DPO's beta")
        sheet.always("loss_on", recipe.loss_on, "response", "DPO counts the answers only")
        return
    sheet.always("objective", recipe.objective, "sft", "the script sft does supervised fine-tuning")
    sheet.fixed("packing", False)
    if recipe.loss_on is None:
        sheet.missing("loss_on")
    else:
        only = recipe.loss_on == "response"
        sheet.put("loss_on", "completion_only_loss", only, PROMPT_COMPLETION if only else "prompts count as well")


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.adapter is None:
        sheet.missing("adapter")
    else:
        sheet.put("adapter", "use_peft", not recipe.is_full)
    if recipe.is_full:
        return
    if recipe.adapter == "qlora":
        sheet.put("adapter", "load_in_4bit", True)
    sheet.put("lora_rank", "lora_r", recipe.lora_rank)
    sheet.put("lora_alpha", "lora_alpha", whole(recipe.lora_alpha))
    sheet.put("lora_dropout", "lora_dropout", recipe.lora_dropout)
    sheet.put("target_modules", "lora_target_modules", recipe.target_modules)
