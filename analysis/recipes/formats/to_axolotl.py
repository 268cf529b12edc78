"""axolotl: the YAML of `axolotl train FILE`. Source: axolotl 0.19, `AxolotlInputConfig`."""

from __future__ import annotations

from analysis.recipes.data_and_model import data_note, loader_of, put_model
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_other_objectives
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import (
    put_batch,
    put_budget,
    put_clipping,
    put_optimizer,
    put_precision,
    put_schedule,
    put_warmup,
    whole,
)
from analysis.recipes.writing import write_yaml

LAST_ANSWER = "Ucurve trains on the last answer only, axolotl on every answer of a conversation"


def to_axolotl(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns axolotl's YAML.

    Raises:
        ConfigError: the objective is neither sft nor dpo.
    """
    refuse_other_objectives(recipe, "axolotl", "sft", "dpo")
    sheet = Sheet(recipe)
    put_model(sheet, "base_model", "revision_of_model")
    _put_data(sheet)
    _put_adapter(sheet)
    sheet.put("learning_rate", "learning_rate", recipe.learning_rate)
    put_schedule(sheet, "lr_scheduler")
    put_warmup(sheet, ratio="warmup_ratio")
    put_batch(sheet, layout, per_device="micro_batch_size", accumulation="gradient_accumulation_steps")
    put_optimizer(sheet, "optimizer")
    sheet.put("weight_decay", "weight_decay", recipe.weight_decay)
    sheet.put("adam_beta1", "adam_beta1", recipe.adam_beta1)
    sheet.put("adam_beta2", "adam_beta2", recipe.adam_beta2)
    sheet.put("adam_eps", "adam_epsilon", recipe.adam_eps)
    put_clipping(sheet, "max_grad_norm", off=0.0)
    put_budget(sheet, steps="max_steps", epochs="num_epochs")
    put_precision(sheet)
    if recipe.precision in ("float32", "unmixed") and recipe.model_dtype == "float32":
        sheet.put("precision", "float32", True)
    sheet.put("seed", "seed", recipe.seed)
    sheet.fixed("output_dir", f"./outputs/{recipe.run_id}")
    text = write_yaml(header(recipe, "axolotl", "axolotl train THIS_FILE"), sheet.lines)
    return Rendered("axolotl", {"axolotl.yaml": text}, tuple(sheet.lines))


def _put_data(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.dataset is None:
        sheet.missing("dataset")
    else:
        kind = "chat_template.default" if recipe.objective == "dpo" else "chat_template"
        file = recipe.data_file
        place = {"path": recipe.dataset} if file is None else {"path": file, "ds_type": loader_of(file)}
        sheet.put("dataset", "datasets", [{**place, "type": kind}], data_note(recipe))
        sheet.fixed("chat_template", "tokenizer_default")
    if recipe.objective == "dpo":
        sheet.put("objective", "rl", "dpo")
        sheet.put("objective", "rl_beta", recipe.beta)
        sheet.always("loss_on", recipe.loss_on, "response", "DPO counts the answers only")
    else:
        sheet.always("objective", recipe.objective, "sft", "without rl it is supervised fine-tuning")
        loss_on = recipe.loss_on
        note = LAST_ANSWER if loss_on == "response" and recipe.is_local else ""
        sheet.put("loss_on", "train_on_inputs", None if loss_on is None else loss_on == "all", note)
        sheet.fixed("sample_packing", False)
    sheet.put("max_length", "sequence_len", recipe.max_length)
    if recipe.is_local and recipe.max_length is not None:
        longer = "axolotl would drop longer sequences, Ucurve cuts them"
        sheet.put("max_length", "excess_length_strategy", "truncate", longer)


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.is_full:
        sheet.always("adapter", "full", "full", "without adapter all weights are trained")
        return
    sheet.put("adapter", "adapter", recipe.adapter)
    if recipe.adapter == "qlora":
        sheet.put("adapter", "load_in_4bit", True)
    sheet.put("lora_rank", "lora_r", recipe.lora_rank)
    alpha = whole(recipe.lora_alpha)
    if isinstance(alpha, float):
        sheet.lacks("lora_alpha", f"axolotl takes whole numbers only; this run had {alpha!r}")
    else:
        sheet.put("lora_alpha", "lora_alpha", alpha)
    sheet.put("lora_dropout", "lora_dropout", recipe.lora_dropout)
    if recipe.target_modules == (ALL_LINEAR,):
        sheet.put("target_modules", "lora_target_linear", True)
    else:
        sheet.put("target_modules", "lora_target_modules", recipe.target_modules)
