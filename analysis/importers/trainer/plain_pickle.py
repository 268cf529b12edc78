"""The plain values in a pickle, without running it.

`pickle.load` calls whatever the file names, so a file from elsewhere is a program. Here the opcodes are only looked at
(`pickletools.genops` runs nothing): names of classes stay text, calls are noted and never made. What comes out are
numbers, texts, lists and mappings; everything else is dropped.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.importers.run_files import UnreadableFileError

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_OPCODES: Final = 200_000
MAX_NODES: Final = 50_000
MAX_DEPTH: Final = 20
"""Our choice: arguments of a Trainer take 6 kB, 600 opcodes and three levels."""


@dataclass(eq=False, slots=True)
class Made:
    """What a pickle would have made by calling `name`: nothing of it is run.

    Attributes:
        name: Module and name of the class or function, with a dot between.
        args: What it would have been called with.
        state: What would have become its attributes.
    """

    name: str
    args: object = ()
    state: dict[object, object] = field(default_factory=dict)


class _Mark:
    """Where the arguments of an opcode begin on the stack."""


class _Machine:
    """A pickle's stack and memo, with calls noted instead of made."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.memo: dict[object, object] = {}

    def take(self, opcode: str, argument: object) -> None:
        if opcode in _VALUES:
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _STEPS:
            _STEPS[opcode](self, argument)
        elif opcode not in ("PROTO", "FRAME", "STOP"):
            raise UnreadableFileError(f"holds the pickle opcode {opcode}, which arguments do not need")

    def pop_to_mark(self) -> list[object]:
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def put(self, argument: object) -> None:
        self.memo[argument] = self.stack[-1]

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update((key, value) for key, value in zip(items[::2], items[1::2], strict=True) if _is_key(key))

    def push_dict(self, items: list[object]) -> None:
        self.stack.append({})
        self.set_items(items)

    def append(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)

    def global_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Made(f"{module}.{name}"))

    def call(self) -> None:
        args, called = self.stack.pop(), self.stack.pop()
        self.stack.append(Made(called.name if isinstance(called, Made) else "", args))

    def call_without(self, _: object) -> None:
        """A call whose keyword arguments, on top of the stack, were taken off."""
        self.call()

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(state, tuple) and state:  # attributes, and those in slots
            state = state[0]
        if isinstance(target, Made) and isinstance(state, dict):
            target.state.update(state)


_VALUES: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
     "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
     "BINBYTES8"}
)  # fmt: skip
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_STEPS: Final[dict[str, Callable[[_Machine, object], object]]] = {
    "MARK": lambda m, _: m.stack.append(_Mark()),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_SET": lambda m, _: m.stack.append([]),
    "DICT": lambda m, _: m.push_dict(m.pop_to_mark()),
    "LIST": lambda m, _: m.stack.append(m.pop_to_mark()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m, _: m.stack.append((m.stack.pop(),)),
    "TUPLE2": lambda m, _: m.stack.append((m.stack.pop(), m.stack.pop())[::-1]),
    "TUPLE3": lambda m, _: m.stack.append((m.stack.pop(), m.stack.pop(), m.stack.pop())[::-1]),
    "POP": lambda m, _: m.stack.pop(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "PUT": lambda m, argument: m.put(argument),
    "BINPUT": lambda m, argument: m.put(argument),
    "LONG_BINPUT": lambda m, argument: m.put(argument),
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    "GET": lambda m, argument: m.stack.append(m.memo[argument]),
    "BINGET": lambda m, argument: m.stack.append(m.memo[argument]),
    "LONG_BINGET": lambda m, argument: m.stack.append(m.memo[argument]),
    "SETITEM": lambda m, _: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.pop_to_mark()),
    "APPEND": lambda m, _: m.append([m.stack.pop()]),
    "APPENDS": lambda m, _: m.append(m.pop_to_mark()),
    "ADDITEMS": lambda m, _: m.append(m.pop_to_mark()),
    "GLOBAL": lambda m, argument: m.stack.append(Made(str(argument).replace(" ", "."))),
    "STACK_GLOBAL": lambda m, _: m.global_from_stack(),
    "REDUCE": lambda m, _: m.call(),
    "NEWOBJ": lambda m, _: m.call(),
    "NEWOBJ_EX": lambda m, _: m.call_without(m.stack.pop()),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.stack.append(Made("a tensor", m.stack.pop())),
}


def read_pickle(pickled: bytes) -> object:
    """What a pickle would give, with every object it would have made as a `Made`.

    Raises:
        UnreadableFileError: it is no pickle, breaks off, is too large, or uses opcodes that plain values do not need.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
            if count > MAX_OPCODES:
                raise UnreadableFileError(f"takes more than {MAX_OPCODES} pickle opcodes")
            machine.take(opcode.name, argument)
        return machine.stack.pop()
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UnreadableFileError(f"is no whole pickle ({error})") from None


def read_torch_file(path: Path) -> object:
    """The pickle inside a file of `torch.save`, as `read_pickle` gives it.

    Raises:
        UnreadableFileError: as `read_pickle`; or it is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next((info for info in archive.infolist() if info.filename.endswith("/data.pkl")), None)
            if member is None or member.file_size > MAX_BYTES:
                raise UnreadableFileError(f"holds no data.pkl of at most {MAX_BYTES // 1024**2} MB")
            with archive.open(member) as file:
                return read_pickle(file.read(MAX_BYTES))
    except OSError as error:
        raise UnreadableFileError(f"cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise UnreadableFileError(f"is no file of torch.save ({error})") from None


def plain_values(state: dict[object, object]) -> dict[str, object]:
    """The attributes that are plain: numbers, texts, None, and lists and mappings of them; an enum is its value."""
    kept: dict[str, object] = {}
    budget = [MAX_NODES]
    for key, value in state.items():
        if isinstance(key, str):
            plain = _plain(value, MAX_DEPTH, budget)
            if plain is not _NOT_PLAIN:
                kept[key] = plain
    return kept


_NOT_PLAIN: Final = object()


def _plain(value: object, depth: int, budget: list[int]) -> object:
    """The value, or `_NOT_PLAIN`. The budget counts shared parts each time, so that they cannot multiply."""
    budget[0] -= 1
    if depth == 0 or budget[0] < 0:
        return _NOT_PLAIN
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # a pickle can hold half characters
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        items = [_plain(item, depth - 1, budget) for item in value]
        return _NOT_PLAIN if any(item is _NOT_PLAIN for item in items) else items
    if isinstance(value, dict):
        pairs = {key: _plain(item, depth - 1, budget) for key, item in value.items() if isinstance(key, str)}
        return {key: item for key, item in pairs.items() if item is not _NOT_PLAIN}
    return _plain_object(value, depth, budget)


def _plain_object(value: object, depth: int, budget: list[int]) -> object:
    """An enum, made by its value alone, is that value; an object with attributes the mapping of the plain ones."""
    if not isinstance(value, Made):
        return _NOT_PLAIN
    if value.state:
        return _plain(value.state, depth, budget)
    if isinstance(value.args, tuple) and len(value.args) == 1 and isinstance(value.args[0], str | int):
        return value.args[0]
    return _NOT_PLAIN


def _is_key(key: object) -> bool:
    return isinstance(key, str | int | float | bool | None)
