"""Columns that take more than one key: budget, warm-up, clipping, and whether there is an adapter at all."""

from __future__ import annotations

import math

from analysis.importers.config_rules.lookup import Lookup, Stated
from analysis.importers.config_rules.rules import (
    ADAPTER,
    ADAPTER_SWITCHES,
    ALL_LINEAR,
    CLIP,
    CLIP_KIND,
    EPOCHS,
    FOUR_BITS,
    OBJECTIVE_MARKS,
    OVERRULED_EPOCHS,
    STAGE,
    STAGES,
    WARMUP_RATIO,
    WARMUP_STEPS,
)

LORA_COLUMNS = ("lora_rank", "lora_alpha", "lora_dropout", "target_modules")
Found = dict[str, Stated]


def add_derived(lookup: Lookup, found: Found) -> None:
    """Adds to the columns that one key holds those that several keys decide."""
    _add_epochs(lookup, found)
    _add_warmup(lookup, found)
    _add_clip(lookup, found)
    _add_adapter(lookup, found)
    _add_objective(lookup, found)


def _add_objective(lookup: Lookup, found: Found) -> None:
    if "objective" in found:
        return
    stage = lookup.quietly(STAGE)
    if stage is not None and stage.value in STAGES:
        found["objective"] = stage
        return
    mark = next((mark for mark in OBJECTIVE_MARKS if lookup.index.has([mark[1]])), None)
    if mark is not None:
        found["objective"] = Stated(*mark)


def _add_epochs(lookup: Lookup, found: Found) -> None:
    epochs = lookup.stated(EPOCHS)
    if epochs is None or float(str(epochs.value)) <= 0:
        return
    if "max_steps" not in found or epochs.where.rsplit(".", 1)[-1] not in OVERRULED_EPOCHS:
        found["epochs"] = epochs


def _add_warmup(lookup: Lookup, found: Found) -> None:
    """Steps, else the share of `max_steps`, rounded up as Hugging Face's Trainer does.

    Source: transformers 5.23, `TrainingArguments.get_warmup_steps`; `warmup_steps` below 1 is a share there.
    """
    steps, ratio = lookup.stated(WARMUP_STEPS), lookup.stated(WARMUP_RATIO)
    if steps is not None and 0 < float(str(steps.value)) < 1:
        steps, ratio = None, steps
    if ratio is not None and (steps is None or steps.value == 0) and float(str(ratio.value)) > 0:
        total = found.get("max_steps")
        if total is None:
            return
        number = math.ceil(int(str(total.value)) * float(str(ratio.value)))
        steps = Stated(number, f"{ratio.where} x {total.where}")
    if steps is not None and float(str(steps.value)).is_integer():
        found["warmup_steps"] = Stated(int(float(str(steps.value))), steps.where)


def _add_clip(lookup: Lookup, found: Found) -> None:
    """The norm that gradients are clipped to; 0 and less switch it off."""
    clip = lookup.stated(CLIP)
    if clip is None:
        return
    kind = lookup.quietly(CLIP_KIND)
    if float(str(clip.value)) <= 0:
        found["clip_kind"] = Stated("none", clip.where)
        return
    found["clip_kind"] = Stated("norm" if kind is None else kind.value, clip.where if kind is None else kind.where)
    found["clip_value"] = clip


def _add_adapter(lookup: Lookup, found: Found) -> None:
    """Which adapter; where there is none, the defaults that are logged all the same are left out."""
    adapter = _adapter(lookup, found)
    if adapter is None:
        return
    found["adapter"] = adapter
    if adapter.value != "full":
        linear = lookup.equals((key, True) for key in ALL_LINEAR)
        if linear is not None:
            found.setdefault("target_modules", Stated(["all-linear"], linear.path))
        return
    unused = [column for column in LORA_COLUMNS if found.pop(column, None) is not None]
    if unused:
        lookup.notes.append(f"{', '.join(unused)}: logged, but {adapter.where} says that there is no adapter")


def _adapter(lookup: Lookup, found: Found) -> Stated | None:
    off = lookup.equals((key, False) for key in ADAPTER_SWITCHES)
    on = lookup.equals((key, True) for key in ADAPTER_SWITCHES)
    stated = lookup.stated(ADAPTER)
    if stated is None and on is None and off is not None:
        return Stated("full", off.path)
    if stated is None and on is None and "lora_rank" not in found:
        return None
    where = found["lora_rank"].where if stated is None and on is None else on.path if on else ""
    stated = stated or Stated("lora", where)
    four_bits = lookup.equals(FOUR_BITS)
    if stated.value == "lora" and four_bits is not None:
        return Stated("qlora", f"{stated.where}, {four_bits.path}")
    return stated
