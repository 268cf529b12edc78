"""Values of TensorBoard's tensors: a number, or a short text; everything else is not read."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from analysis.importers.tensorboard.messages import Message

MAX_TEXT_BYTES: Final = 100_000
"""Our choice: longer texts are samples or tables, which are counted instead."""

_STRING: Final = 7
_HALF: Final = 19
_BFLOAT16: Final = 14
_TYPES: Final = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 10: "?", _BFLOAT16: "<u2", _HALF: "<f2", 22: "<u4", 23: "<u8"}
_LISTS: Final = {1: "float_val", 2: "double_val", 3: "int_val", 9: "int64_val", 10: "bool_val"} | {
    22: "uint32_val",
    23: "uint64_val",
    _HALF: "half_val",
    _BFLOAT16: "half_val",
}


def number_in(tensor: Message) -> float | int | None:
    """The number that a tensor of one element holds; None where it holds something else."""
    if tensor.dtype not in _TYPES or any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    found = _elements(tensor)
    if len(found) != 1:
        return None
    if tensor.dtype == _BFLOAT16:  # the upper half of a float32
        found = (found.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return float(found[0]) if found.dtype.kind in "fb" else int(found[0])


def _elements(tensor: Message) -> np.ndarray:
    """The elements, shape (n,); they stand as bytes or as a list, 16-bit floats there as the integer of their bits."""
    kind = np.dtype(_TYPES[tensor.dtype])
    if tensor.tensor_content:
        whole = len(tensor.tensor_content) // kind.itemsize * kind.itemsize
        return np.frombuffer(tensor.tensor_content[:whole], kind)
    listed = list(getattr(tensor, _LISTS[tensor.dtype]))
    if tensor.dtype in (_HALF, _BFLOAT16):
        return np.array([bits & 0xFFFF for bits in listed], np.uint16).view(kind)
    return np.array(listed, kind)


def text_in(tensor: Message) -> str | None:
    """A short text, or several as a JSON list; None where it holds something else."""
    if tensor.dtype != _STRING or sum(map(len, tensor.string_val)) > MAX_TEXT_BYTES:
        return None
    texts = [text.decode(errors="replace") for text in tensor.string_val]
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)
