"""W&B's protobuf messages, and lean ones for history and summary whose items stay bytes until somebody needs them.

A log of 100,000 rows x 10 metrics has 2.8 million items; parsing each with W&B's own messages took two thirds of the
time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

Record: TypeAlias = Any
"""A `wandb_internal_pb2.Record` or a message inside it, or a lean one: generated code without types."""
KeyPath: TypeAlias = tuple[str, ...]

VALUE_TAG: Final = b"\x82\x01"
"""Begins the field `value_json` (16, with a length) of an item; the client writes it last."""

_PACKAGE: Final = "ucurve.wandb_log"
_FIELDS: Final = {
    "Step": [("num", 1, "int64")],
    "History": [("item", 1, "bytes*"), ("step", 2, "Step")],
    "Summary": [("update", 1, "bytes*"), ("remove", 2, "bytes*")],
    "Record": [("num", 1, "int64"), ("history", 2, "History"), ("summary", 3, "Summary")],
}
"""Fields of W&B's messages by the same numbers; `bytes*` are repeated messages there."""


@cache
def parse_lean() -> Callable[[bytes], Record]:
    """Parser of a record's number, history and summary."""
    descriptors = importlib.import_module("google.protobuf.descriptor_pb2")
    kinds = descriptors.FieldDescriptorProto
    file = descriptors.FileDescriptorProto(name="ucurve/wandb_log.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            lean = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if kind == "int64":
                lean.type = kinds.TYPE_INT64
            elif kind == "bytes*":
                lean.type, lean.label = kinds.TYPE_BYTES, kinds.LABEL_REPEATED
            else:
                lean.type, lean.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = importlib.import_module("google.protobuf.descriptor_pool").DescriptorPool()
    pool.Add(file)
    factory = importlib.import_module("google.protobuf.message_factory")
    parse: Callable[[bytes], Record] = factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{_PACKAGE}.Record")
    ).FromString
    return parse


@cache
def parse_record() -> Callable[[bytes], Record]:
    """W&B's own parser of a record; imported late, since `import wandb` takes a second."""
    parse: Callable[[bytes], Record] = importlib.import_module("wandb.proto.wandb_internal_pb2").Record.FromString
    return parse


@cache
def parse_item() -> Callable[[bytes], Record]:
    """W&B's own parser of a history item; the items of summaries have a part of its fields."""
    parse: Callable[[bytes], Record] = importlib.import_module("wandb.proto.wandb_internal_pb2").HistoryItem.FromString
    return parse


@cache
def decode_error() -> type[Exception]:
    """What the parsers raise."""
    error: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
    return error


def path_of(item: Record) -> KeyPath:
    """Key path of a parsed item."""
    return tuple(item.nested_key) or (item.key,)


def path_of_prefix(prefix: bytes) -> KeyPath | None:
    """Key path of an item's bytes before `VALUE_TAG`; None where they are cut inside a key that holds these bytes."""
    try:
        return path_of(parse_item()(prefix))
    except decode_error():
        return None
