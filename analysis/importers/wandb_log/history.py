"""The logged rows as one long Arrow table: a row per step and key, numbers read by Arrow instead of a Python loop."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.wandb_log.json_text import replace_lone_surrogates
from analysis.importers.wandb_log.key_path import path_text
from analysis.importers.wandb_log.messages import (
    VALUE_TAG,
    KeyPath,
    Record,
    decode_error,
    parse_item,
    path_of,
    path_of_prefix,
)

HISTORY_SCHEMA: Final = pa.schema(
    [
        ("step", pa.int64()),
        ("timestamp", pa.float64()),  # seconds since 1970
        ("runtime", pa.float64()),  # seconds since the run started
        ("key", pa.dictionary(pa.int32(), pa.string())),  # `path_text` of the key
        ("number", pa.float64()),  # every number, NaN and infinities too; null where the value is none
        ("integer", pa.int64()),  # only from 2**53 on, where `number` need not be exact
        ("json", pa.string()),  # what is no number (null, text, true, list ...), and integers beyond int64
    ]
)
FLUSH_CELLS: Final = 200_000
FLUSH_BYTES: Final = 32 * 1024 * 1024
"""Held as Python strings at most, beside one row; our choice. Numbers reach the count first, long texts the bytes."""

_STEP, _TIMESTAMP, _RUNTIME = -1, -2, -3
_ROW_KEYS: Final[dict[KeyPath, int]] = {("_step",): _STEP, ("_timestamp",): _TIMESTAMP, ("_runtime",): _RUNTIME}
_NO_STEP: Final = -1
_NUMBER: Final = r"^(?:-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Infinity)|NaN)$"
_LONG_INTEGER: Final = r"^-?[0-9]+$"
_INT64_DIGITS: Final = 20
_EXACT_BELOW: Final = 2.0**53
"""2**53 + 1 is the first integer that becomes another one as a double: 2**53."""


class HistoryBuilder:
    """Takes `history` records; `finish` gives the table.

    Attributes:
        n_rows: Rows taken; `finish` counts those with the same step as one, as the client does.
        n_replaced: Half characters that were replaced.
        n_without_step: Rows that say no step and could not be placed.
        n_undecodable: Values that are no protobuf of this kind.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self.n_replaced = 0
        self.n_without_step = 0
        self.n_undecodable = 0
        self._names: list[str] = []
        self._by_path: dict[KeyPath, int] = dict(_ROW_KEYS)
        self._by_prefix: dict[bytes, int] = {}
        self._chunks: list[pa.Table] = []
        self._row_steps: list[np.ndarray] = []
        self._start_chunk()

    def add(self, history: Record) -> None:
        """Takes one row, a lean `History`: its items, and its step."""
        keys, texts, by_prefix = self._keys, self._texts, self._by_prefix
        before = len(keys)
        for item in history.item:
            prefix, _, value = item.partition(VALUE_TAG)
            key = by_prefix.get(prefix)
            # The value's length, one byte where it is below 128, must say that nothing follows the value.
            if key is None or not value or len(value) != value[0] + 1:
                self._add_slowly(item, prefix)
            else:
                keys.append(key)
                texts.append(value[1:])
        self._counts.append(len(keys) - before)
        self.n_rows += 1
        self._steps.append(max(history.step.num, _NO_STEP) if history.HasField("step") else _NO_STEP)
        self._n_bytes += history.ByteSize()
        if len(keys) >= FLUSH_CELLS or self._n_bytes >= FLUSH_BYTES:
            self._flush()

    def finish(self) -> pa.Table:
        """The table, by step; a value logged twice at one step is there once, the later one."""
        self._flush()
        names = pa.array(self._names, pa.string())
        table = pa.Table.from_batches([], schema=HISTORY_SCHEMA)
        if self._chunks:
            table = pa.concat_tables(self._chunks)
            keys = [pa.DictionaryArray.from_arrays(chunk, names) for chunk in table["key"].chunks]
            table = table.set_column(
                3, HISTORY_SCHEMA.field("key"), pa.chunked_array(keys, HISTORY_SCHEMA.field("key").type)
            )
        steps = np.concatenate(self._row_steps) if self._row_steps else np.empty(0, np.int64)
        self.n_rows = len(steps)
        if (np.diff(steps) <= 0).any():
            self.n_rows = len(np.unique(steps))
            table = _merge_steps(table)
        return table

    def _add_slowly(self, item: bytes, prefix: bytes) -> None:
        """Takes an item whose key is new, or whose value is long or has a type of its own."""
        try:
            message = parse_item()(item)
        except decode_error():
            self.n_undecodable += 1
            return
        path = path_of(message)
        self._keys.append(self._index(path))
        self._texts.append((message.value_json or _typed_text(message)).encode())
        if path_of_prefix(prefix) == path:
            self._by_prefix[prefix] = self._index(path)

    def _index(self, path: KeyPath) -> int:
        if path not in self._by_path:
            self._by_path[path] = len(self._names)
            self._names.append(path_text(path))
        return self._by_path[path]

    def _start_chunk(self) -> None:
        self._keys: list[int] = []
        self._texts: list[bytes] = []
        self._counts: list[int] = []
        self._steps: list[int] = []
        self._n_bytes = 0

    def _flush(self) -> None:
        """Turns what was collected into one Arrow chunk."""
        if not self._counts:
            return
        keys = np.asarray(self._keys, dtype=np.int32)
        row = np.repeat(np.arange(len(self._counts)), self._counts)
        number, integer, text, n_replaced = read_values(_as_text(self._texts))
        self.n_replaced += n_replaced
        values = np.asarray(number.to_numpy(zero_copy_only=False))
        steps = np.asarray(self._steps, dtype=np.int64)
        steps = _fill_steps(steps, _of_rows(_STEP, keys, row, values, len(steps)))
        self._row_steps.append(steps[steps != _NO_STEP])
        self.n_without_step += int((steps == _NO_STEP).sum())
        kept = (keys >= 0) & (steps[row] != _NO_STEP)
        columns = [
            pa.array(steps[row]),
            pa.array(_of_rows(_TIMESTAMP, keys, row, values, len(steps))[row], from_pandas=True),
            pa.array(_of_rows(_RUNTIME, keys, row, values, len(steps))[row], from_pandas=True),
            pa.array(keys),
            number,
            integer,
            text,
        ]
        chunk = pa.table(columns, names=HISTORY_SCHEMA.names)
        self._chunks.append(chunk.filter(pa.array(kept)))
        self._start_chunk()


def _as_text(texts: list[bytes]) -> pa.StringArray:
    """The texts, with what is no UTF-8 replaced."""
    try:
        return pa.array(texts, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([text.decode(errors="replace") for text in texts], pa.string())


def read_values(texts: pa.StringArray) -> tuple[pa.Array, pa.Array, pa.Array, int]:
    """The columns `number`, `integer` and `json` of JSON texts, and the number of replaced half characters."""
    is_number = pc.match_substring_regex(texts, _NUMBER)
    number = pc.if_else(is_number, texts, None).cast(pa.float64())
    integer = pa.nulls(len(texts), pa.int64())
    other = pc.if_else(is_number, None, texts)
    is_large = pc.greater_equal(pc.abs(number), _EXACT_BELOW).fill_null(False)
    if pc.any(is_large).as_py():
        is_long = pc.and_(is_large, pc.match_substring_regex(texts, _LONG_INTEGER))
        integer = pa.array(map(_in_int64, pc.if_else(is_long, texts, None).to_pylist()), pa.int64())
        other = pc.if_else(pc.and_(is_long, integer.is_null()), texts, other)
    other, n_replaced = _without_lone_surrogates(other)
    return number, integer, other, n_replaced


def _in_int64(digits: str | None) -> int | None:
    """The integer, or None where int64 is too small for it."""
    value = int(digits) if digits is not None and len(digits) <= _INT64_DIGITS else None
    return value if value is not None and -(2**63) <= value < 2**63 else None


def _without_lone_surrogates(texts: pa.StringArray) -> tuple[pa.StringArray, int]:
    if not pc.any(pc.match_substring_regex(texts, r"\\u[dD]")).as_py():
        return texts, 0
    replaced = [(text, 0) if text is None else replace_lone_surrogates(text) for text in texts.to_pylist()]
    return pa.array([text for text, _ in replaced], pa.string()), sum(n for _, n in replaced)


def _of_rows(key: int, keys: np.ndarray, row: np.ndarray, values: np.ndarray, n_rows: int) -> np.ndarray:
    """The value of one key in each row, shape (n_rows,); NaN where a row lacks it."""
    found = keys == key
    by_row = np.full(n_rows, np.nan)
    by_row[row[found]] = values[found]
    return by_row


def _fill_steps(steps: np.ndarray, logged: np.ndarray) -> np.ndarray:
    """Old writers have no step beside the items, only the item `_step`."""
    known = np.where((logged >= 0) & (logged < _EXACT_BELOW), logged, _NO_STEP).astype(np.int64)
    return np.where(steps == _NO_STEP, known, steps)


def _merge_steps(table: pa.Table) -> pa.Table:
    """Rows by step, and of the same step and key only the last."""
    step = table["step"].to_numpy()
    key = table["key"].combine_chunks().indices.to_numpy()
    order = np.lexsort((key, step))  # stable: the last of equals is the newest
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(step[order]) != 0) | (np.diff(key[order]) != 0)
    newest = np.sort(order[last])
    return table.take(pa.array(newest[np.argsort(step[newest], kind="stable")]))


def _typed_text(item: Record) -> str:
    """JSON of a value that a newer writer gives a type of its own instead of JSON text."""
    kind = item.WhichOneof("value")
    if kind in (None, "none"):
        return "null"
    if kind == "json":
        return str(item.json)
    return json.dumps(getattr(item, kind))
