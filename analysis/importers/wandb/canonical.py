"""One JSON text a value, however it came: the same run offline and from a server must say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.wandb_log.json_text import parse_json

_EXACT_BELOW: Final = 2.0**53
_PLAIN: Final = r'^(?:null|true|false|"[^"\\]*")$'
"""Has one form only."""


def canonical_text(value: object, *, keeps_null: bool = True) -> str:
    """JSON with sorted keys, and 8.0 as 8; bare NaN and infinities stay.

    Args:
        value: Of JSON.
        keeps_null: Whether keys without a value stay: an exported column of objects pads them with nulls.
    """
    normal = _normal(value, keeps_null)
    return json.dumps(normal, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def canonical_texts(texts: pa.StringArray) -> pa.StringArray:
    """Each JSON text in its canonical form; one that is no JSON becomes a JSON text."""
    others = pc.invert(pc.match_substring_regex(texts, _PLAIN)).fill_null(False)
    if not pc.any(others).as_py():
        return texts
    return pc.replace_with_mask(texts, others, pa.array(map(_rewritten, texts.filter(others).to_pylist()), pa.string()))


def _rewritten(text: str) -> str:
    try:
        return canonical_text(parse_json(text))
    except (ValueError, RecursionError):
        return json.dumps(text)


def _normal(value: object, keeps_null: bool) -> object:
    if isinstance(value, Mapping):
        kept = {str(key): part for key, part in value.items() if keeps_null or part is not None}
        return {key: _normal(part, keeps_null) for key, part in kept.items()}
    if isinstance(value, list | tuple):
        return [_normal(part, keeps_null) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_BELOW else value
