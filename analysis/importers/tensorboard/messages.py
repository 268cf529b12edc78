"""TensorBoard's protobuf messages, as far as they are read; the rest stays bytes.

The `tensorboard` package would bring gRPC, a web server and a data server for these few messages.
Source: tensorboard 2.21, `compat/proto/{event,summary,tensor}.proto` and `plugins/hparams/{plugin_data,api}.proto`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

Message: TypeAlias = Any
"""A message of one of these types: generated code without types."""

_PACKAGE: Final = "ucurve.tensorboard"
_FIELDS: Final = {
    "Event": "wall_time:1:double step:2:int64 file_version:3:string summary:5:Summary session_log:7:SessionLog",
    "SessionLog": "status:1:int32",
    "Summary": "value:1:Value*",
    "Value": (
        "tag:1:string node_name:7:string metadata:9:Metadata simple_value:2:float| histogram_bytes:3:bytes| "
        "image:4:bytes| histo:5:bytes| audio:6:bytes| tensor:8:Tensor|"
    ),
    "Metadata": "plugin_data:1:PluginData",
    "PluginData": "plugin_name:1:string content:2:bytes",
    "Tensor": (
        "dtype:1:int32 tensor_shape:2:Shape tensor_content:4:bytes half_val:13:int32* float_val:5:float* "
        "double_val:6:double* int_val:7:int32* string_val:8:bytes* int64_val:10:int64* bool_val:11:bool* "
        "uint32_val:16:uint32* uint64_val:17:uint64*"
    ),
    "Shape": "dim:2:Dim*",
    "Dim": "size:1:int64",
    "HParamsPluginData": "session_start_info:3:SessionStart session_end_info:4:SessionEnd",
    "SessionStart": "hparams:1:HParam* group_name:4:string start_time_secs:5:double",
    "HParam": "key:1:string value:2:Any",
    "SessionEnd": "status:1:int32 end_time_secs:2:double",
    "Any": "null_value:1:int32| number_value:2:double| string_value:3:string| bool_value:4:bool| "
    "struct_value:5:bytes| list_value:6:AnyList|",
    "AnyList": "values:1:Any*",
}
"""Message -> `name:number:type`; `*` is repeated, `|` is one of the message's alternatives."""


@cache
def _parser(name: str) -> Callable[[bytes], Message]:
    pool = importlib.import_module("google.protobuf.descriptor_pool").DescriptorPool()
    pool.Add(_file())
    factory = importlib.import_module("google.protobuf.message_factory")
    parse: Callable[[bytes], Message] = factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    ).FromString
    return parse


def parse_event() -> Callable[[bytes], Message]:
    """Parser of one record of an event file."""
    return _parser("Event")


def parse_hparams() -> Callable[[bytes], Message]:
    """Parser of what the HParams plugin keeps with a tag."""
    return _parser("HParamsPluginData")


@cache
def decode_error() -> type[Exception]:
    """What the parsers raise."""
    error: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
    return error


def _file() -> Message:
    descriptors = importlib.import_module("google.protobuf.descriptor_pb2")
    kinds = descriptors.FieldDescriptorProto
    file = descriptors.FileDescriptorProto(name="ucurve/tensorboard.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        if "|" in fields:
            message.oneof_decl.add(name="alternatives")
        for text in fields.split():
            field, number, kind = text.rstrip("*|").split(":")
            label = kinds.LABEL_REPEATED if text.endswith("*") else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=int(number), label=label)
            if kind[0].isupper():
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
            if text.endswith("|"):
                added.oneof_index = 0
    return file
