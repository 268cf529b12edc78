"""Sequences per optimizer step: stated, or a product of what is stated. A factor that is not stated is not invented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from analysis.importers.config_rules.lookup import Lookup, Stated
from analysis.importers.config_rules.rules import (
    DATA_PARALLEL_KEYS,
    DEVICE_BATCH,
    DEVICE_MARKS,
    DEVICES,
    DEVICES_PER_NODE,
    MODEL_PARALLEL,
    NODES,
    ONE_PROCESS,
    PLAIN_BATCH,
    RULES,
    TOKEN_BATCH_MARKS,
    TOTAL_BATCH,
    Rule,
)

_ACCUMULATION: Final = next(rule for rule in RULES if rule.column == "grad_accum_steps")
_HINT: Final = "say it with `constants: {world_size: N}` or `fields: {batch_size: KEY}` in a map"


def batch_size_in(lookup: Lookup) -> Stated | None:
    """The batch size, or None with a note where the configuration leaves a factor out."""
    total = None if lookup.index.has(TOKEN_BATCH_MARKS) else lookup.stated(TOTAL_BATCH)
    product = _product(lookup, explain=total is None)
    if total is not None and product is not None and total.value != product.value:
        lookup.notes.append(
            f"batch_size: {total.value} ({total.where}) is taken; {product.where} = {product.value} disagrees"
        )
    return total or product


def _product(lookup: Lookup, *, explain: bool) -> Stated | None:
    if lookup.equals([("auto_find_batch_size", True)]):
        if explain:
            lookup.notes.append(f"batch_size: auto_find_batch_size may have made it smaller than stated; {_HINT}")
        return None
    if _is_left_open(lookup, _ACCUMULATION):
        return None  # its note stands with the column of its own
    device = lookup.stated(DEVICE_BATCH)
    plain = lookup.stated(PLAIN_BATCH) if device is None else _whole_batch_beside(lookup)
    if device is None and plain is not None and lookup.index.has(DEVICE_MARKS):
        device, plain = plain, None
    if device is not None:
        return plain or _times(lookup, device, explain=explain)
    return None if plain is None else _plain(lookup, plain, explain=explain)


def _whole_batch_beside(lookup: Lookup) -> Stated | None:
    """`batch_size` beside `micro_batch_size` is the whole batch (axolotl, alpaca-lora)."""
    if not lookup.index.has(["micro_batch_size"]):
        return None
    return lookup.quietly(Rule("batch_size", ("batch_size",), "whole", 1))


def _plain(lookup: Lookup, plain: Stated, *, explain: bool) -> Stated | None:
    """A plain `batch_size` is the whole batch, unless more devices or passes leave open whose it is."""
    accumulation, devices = _accumulation(lookup), _devices(lookup)
    if devices is not None and devices.value == 1:
        return _times(lookup, plain, explain=explain)
    if (accumulation is None or accumulation.value == 1) and devices is None:
        return plain
    if explain:
        factor = "several devices" if devices is not None else "an unknown number of devices"
        lookup.notes.append(
            f"batch_size: whether {plain.value} ({plain.where}) is of one pass, one device or all of {factor} "
            f"is not stated; {_HINT}"
        )
    return None


def _times(lookup: Lookup, device: Stated, *, explain: bool) -> Stated | None:
    accumulation, devices = _accumulation(lookup), _devices(lookup)
    if devices is None and lookup.has_one_gpu:
        return _on_one_gpu(lookup, device, accumulation)
    factors = [factor for factor in (device, accumulation, devices) if factor is not None]
    expression = " x ".join(factor.where for factor in factors)
    if devices is None:
        if explain:
            said = " x ".join(str(factor.value) for factor in factors)
            lookup.notes.append(f"batch_size: {expression} = {said}, but on how many devices is not stated; {_HINT}")
        return None
    return Stated(_product_of(factors), expression)


def _on_one_gpu(lookup: Lookup, device: Stated, accumulation: Stated | None) -> Stated:
    factors = [device] if accumulation is None else [device, accumulation]
    expression = " x ".join([*(factor.where for factor in factors), "the machine's one GPU"])
    number = _product_of(factors)
    lookup.notes.append(
        f"batch_size: {expression} = {number}; the number of devices is not stated, so if several machines took part, "
        f"{_HINT}"
    )
    return Stated(number, expression)


def _product_of(factors: Sequence[Stated]) -> int:
    return math.prod(int(str(factor.value)) for factor in factors)


def _accumulation(lookup: Lookup) -> Stated | None:
    return lookup.quietly(_ACCUMULATION)


def _is_left_open(lookup: Lookup, rule: Rule) -> bool:
    """Whether a key of the rule is there with something like "auto" instead of a number."""
    values = [found.value for found in lookup.index.find(rule.keys) if found.value is not None]
    return bool(values) and lookup.quietly(rule) is None


def _devices(lookup: Lookup) -> Stated | None:
    """Devices with data of their own, where the configuration says how many."""
    stated = lookup.quietly(DEVICES)
    per_node = lookup.quietly(DEVICES_PER_NODE)
    nodes = lookup.quietly(NODES)
    if stated is not None and stated.where.rsplit(".", 1)[-1] == "devices" and nodes is not None:
        per_node, stated = stated, None  # Lightning counts the devices of one node
    if stated is None and per_node is not None and nodes is not None:
        number = int(str(per_node.value)) * int(str(nodes.value))
        stated = Stated(number, f"{per_node.where} x {nodes.where}")
    if stated is None:
        one = lookup.equals(ONE_PROCESS)
        return None if one is None else Stated(1, one.path)
    return None if _shares_data(lookup, stated) else stated


def _shares_data(lookup: Lookup, stated: Stated) -> bool:
    if stated.where.rsplit(".", 1)[-1].lower() in DATA_PARALLEL_KEYS:
        return False
    sizes = [lookup.quietly(Rule("devices", (key,), "whole", 1)) for key in MODEL_PARALLEL]
    return any(size is not None and int(str(size.value)) > 1 for size in sizes)
