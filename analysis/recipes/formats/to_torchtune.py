"""torchtune: the YAML of `tune run lora_finetune_single_device` (or `lora_finetune_distributed`).

Source: torchtune 0.6.1, `recipes/lora_finetune_single_device.py`, `recipes/configs`, `training/lr_schedulers.py`.
torchtune reads its YAML with OmegaConf, where `${` starts an expression: names are written so that they cannot.
"""

from __future__ import annotations

from typing import Final

from analysis.recipes.data_and_model import ATTENTION, MLP, data_note, model_note
from analysis.recipes.recipe import ALL_LINEAR, Layout, Recipe
from analysis.recipes.rendered import Rendered, header, refuse_full, refuse_other_objectives
from analysis.recipes.sheet import Sheet
from analysis.recipes.trainer_keys import FIRST_STEP, has_warmup, put_batch, put_clipping, steps_note
from analysis.recipes.writing import write_yaml

BUILDERS: Final = {
    "meta-llama/llama-3.2-1b-instruct": "llama3_2.lora_llama3_2_1b",
    "meta-llama/llama-3.2-3b-instruct": "llama3_2.lora_llama3_2_3b",
    "meta-llama/llama-3.2-1b": "llama3_2.lora_llama3_2_1b",
    "meta-llama/llama-3.2-3b": "llama3_2.lora_llama3_2_3b",
    "meta-llama/llama-3.1-8b": "llama3_1.lora_llama3_1_8b",
    "meta-llama/llama-3.1-8b-instruct": "llama3_1.lora_llama3_1_8b",
    "meta-llama/llama-3.1-70b": "llama3_1.lora_llama3_1_70b",
    "meta-llama/llama-3.1-70b-instruct": "llama3_1.lora_llama3_1_70b",
    "meta-llama/llama-3.3-70b-instruct": "llama3_3.lora_llama3_3_70b",
    "qwen/qwen2.5-0.5b": "qwen2_5.lora_qwen2_5_0_5b",
    "qwen/qwen2.5-0.5b-instruct": "qwen2_5.lora_qwen2_5_0_5b",
    "qwen/qwen2.5-1.5b": "qwen2_5.lora_qwen2_5_1_5b_base",
    "qwen/qwen2.5-1.5b-instruct": "qwen2_5.lora_qwen2_5_1_5b_instruct",
    "qwen/qwen2.5-3b": "qwen2_5.lora_qwen2_5_3b",
    "qwen/qwen2.5-3b-instruct": "qwen2_5.lora_qwen2_5_3b",
    "qwen/qwen2.5-7b": "qwen2_5.lora_qwen2_5_7b_base",
    "qwen/qwen2.5-7b-instruct": "qwen2_5.lora_qwen2_5_7b_instruct",
}
"""Model on the Hugging Face Hub, in small letters -> torchtune's builder of it with LoRA."""
COSINE: Final = "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup"
LINEAR: Final = "transformers.get_linear_schedule_with_warmup"


def to_torchtune(recipe: Recipe, layout: Layout) -> Rendered:
    """Returns torchtune's YAML; tokenizer and checkpointer belong to the model's own config, which the header names.

    Raises:
        ConfigError: the objective is not sft, or the run trained all weights.
    """
    refuse_other_objectives(recipe, "torchtune", "sft")
    refuse_full(recipe, "torchtune")
    sheet = Sheet(recipe)
    sheet.always("objective", recipe.objective, "sft", "lora_finetune does supervised fine-tuning")
    sheet.fixed("output_dir", f"outputs/{recipe.run_id}")
    _put_model(sheet)
    _put_adapter(sheet)
    _put_data(sheet)
    sheet.put("seed", "seed", recipe.seed)
    sheet.fixed("shuffle", True)
    put_batch(sheet, layout, per_device="batch_size", accumulation="gradient_accumulation_steps")
    _put_optimizer(sheet)
    _put_schedule(sheet)
    _put_budget(sheet)
    put_clipping(sheet, "clip_grad_norm", off=None)
    _put_precision(sheet)
    sheet.fixed("loss._component_", "torchtune.modules.loss.CEWithChunkedOutputLoss")
    text = write_yaml(header(recipe, "torchtune", _usage(layout)), sheet.lines)
    return Rendered("torchtune", {"torchtune.yaml": text}, tuple(sheet.lines))


def _usage(layout: Layout) -> str:
    several = f"--nproc_per_node {layout.devices} lora_finetune_distributed"
    script = "lora_finetune_single_device" if layout.devices == 1 else several
    left = "tokenizer, checkpointer, metric_logger and device from the config of your model (tune ls)"
    return f"tune run {script} --config THIS_FILE, after adding {left}"


def plain(text: str) -> str:
    """Returns text that OmegaConf reads as itself: `${` would start an expression that can read the environment.

    A backslash in front of `${` escapes it, and backslashes in front of that are doubled.
    """
    parts = text.split("${")
    escaped = [part + "\\" * (len(part) - len(part.rstrip("\\"))) + "\\" for part in parts[:-1]]
    return "${".join([*escaped, parts[-1]])


def _put_model(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.model is None:
        sheet.missing("model")
        return
    builder = BUILDERS.get(recipe.model.lower())
    if builder is None:
        by_hand = f"set model._component_ to torchtune's LoRA builder of {recipe.model!r}, if it has one"
        sheet.lacks("model", f"{by_hand}; {model_note(recipe)}".rstrip("; "))
    else:
        sheet.put("model", "model._component_", f"torchtune.models.{builder}", f"torchtune's builder of {recipe.model}")
    if recipe.model_revision is not None:
        sheet.lacks("model", f"download revision {recipe.model_revision!r} with tune download --revision")


def _put_adapter(sheet: Sheet) -> None:
    recipe = sheet.recipe
    sheet.always("adapter", recipe.adapter, "lora", "the recipe trains LoRA adapters on plain weights")
    sheet.put("lora_rank", "model.lora_rank", recipe.lora_rank)
    sheet.put("lora_alpha", "model.lora_alpha", recipe.lora_alpha)
    sheet.put("lora_dropout", "model.lora_dropout", recipe.lora_dropout)
    names = recipe.target_modules
    if names is None:
        sheet.missing("target_modules")
        return
    chosen = ATTENTION | MLP if names == (ALL_LINEAR,) else frozenset(names)
    if chosen & MLP not in (MLP, frozenset()) or not chosen <= ATTENTION | MLP:
        which = "adapters go to all three MLP projections or none, and to attention"
        sheet.lacks("target_modules", f"{which}; this run had {', '.join(names)}")
        return
    attention = ["output_proj" if name == "o_proj" else name for name in sorted(chosen & ATTENTION)]
    sheet.put("target_modules", "model.lora_attn_modules", attention)
    sheet.put("target_modules", "model.apply_lora_to_mlp", bool(chosen & MLP))
    sheet.put("target_modules", "model.apply_lora_to_output", False)


def _put_data(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.dataset is None:
        sheet.missing("dataset")
    else:
        sheet.fixed("dataset._component_", "torchtune.datasets.chat_dataset")
        sheet.put("dataset", "dataset.source", plain(recipe.dataset), data_note(recipe))
        sheet.fixed("dataset.conversation_column", "messages")
        sheet.fixed("dataset.conversation_style", "openai")
    sheet.fixed("dataset.packed", False)
    if recipe.loss_on is None:
        sheet.missing("loss_on")
    else:
        every = "torchtune counts every answer of a conversation, Ucurve the last one"
        note = every if recipe.is_local and recipe.loss_on == "response" else ""
        sheet.put("loss_on", "dataset.train_on_input", recipe.loss_on == "all", note)
    sheet.put("max_length", "tokenizer.max_seq_len", recipe.max_length)


def _put_optimizer(sheet: Sheet) -> None:
    recipe = sheet.recipe
    if recipe.optimizer not in ("adamw", None):
        sheet.lacks("optimizer", f"{recipe.optimizer!r} is not translated: set it by hand")
    else:
        sheet.put("optimizer", "optimizer._component_", "torch.optim.AdamW" if recipe.optimizer else None)
    sheet.put("learning_rate", "optimizer.lr", recipe.learning_rate)
    sheet.put("weight_decay", "optimizer.weight_decay", recipe.weight_decay)
    sheet.put("adam_eps", "optimizer.eps", recipe.adam_eps)
    betas = (recipe.adam_beta1, recipe.adam_beta2)
    for name, beta in zip(("adam_beta1", "adam_beta2"), betas, strict=True):
        if None not in betas:
            sheet.put(name, "optimizer.betas", list(betas))
        else:
            sheet.nowhere(name, beta, "torch takes both betas or none, and the run says one")


def _put_schedule(sheet: Sheet) -> None:
    """Torchtune has cosine only: without cycles it is constant, and transformers has the linear one.

    Source: `get_cosine_schedule_with_warmup`: 0.5 (1 + cos(2 pi num_cycles progress)), which is 1 for no cycle.
    """
    recipe = sheet.recipe
    if recipe.schedule is None:
        sheet.missing("schedule")
    elif recipe.schedule == "linear":
        sheet.put("schedule", "lr_scheduler._component_", LINEAR, "torchtune has none: this needs transformers")
    elif recipe.schedule in ("cosine", "constant"):
        sheet.put("schedule", "lr_scheduler._component_", COSINE)
        if recipe.schedule == "constant":
            sheet.put("schedule", "lr_scheduler.num_cycles", 0.0, "no cycle of the cosine: constant after the warm-up")
    else:
        sheet.lacks("schedule", f"{recipe.schedule!r} is not translated: set lr_scheduler by hand")
    note = FIRST_STEP if recipe.is_local and has_warmup(recipe) else ""
    if recipe.warmup_steps is None:
        in_steps = "it takes steps, not a share of the run: set lr_scheduler.num_warmup_steps"
        sheet.nowhere("warmup", recipe.warmup_ratio, in_steps)
    else:
        sheet.put("warmup", "lr_scheduler.num_warmup_steps", recipe.warmup_steps, note)


def _put_budget(sheet: Sheet) -> None:
    """A run is epochs x at most max_steps_per_epoch: the steps of one long epoch, or whole epochs."""
    recipe = sheet.recipe
    if recipe.max_steps is not None:
        short = "if the data have fewer batches, raise epochs and divide this by it"
        sheet.put("budget", "epochs", 1)
        sheet.put("budget", "max_steps_per_epoch", recipe.max_steps, f"{steps_note(recipe)}; {short}".lstrip("; "))
    elif recipe.epochs is not None and float(recipe.epochs).is_integer():
        sheet.put("budget", "epochs", int(recipe.epochs))
        sheet.fixed("max_steps_per_epoch", None)
    elif recipe.epochs is not None:
        sheet.lacks("budget", f"it takes whole epochs only; this run had {recipe.epochs:g}")
    else:
        sheet.nowhere("budget", recipe.token_budget, "there is no budget in tokens")


def _put_precision(sheet: Sheet) -> None:
    precision = {"float32": "fp32", "bfloat16": "bf16"}.get(sheet.recipe.computed_in or "")
    if precision is None:
        sheet.nowhere("precision", sheet.recipe.computed_in, "the recipe takes bf16 and fp32")
        return
    both = "the adapter is kept in bf16 as well; Ucurve and PEFT keep it in float32" if precision == "bf16" else ""
    sheet.put("precision", "dtype", precision, both)
