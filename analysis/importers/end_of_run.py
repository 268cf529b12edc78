"""What shows that a run got to its end, for sources that keep no word on it: what was logged, against the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.config_rules.key_index import KeyIndex
from analysis.importers.config_rules.rules import RULES
from analysis.importers.logged_rows import step_of

_CLOSING: Final = "train_runtime"
"""What Hugging Face's Trainer and all that is built on it log once, when training is over."""
_STEP_KEYS: Final = next(rule.keys for rule in RULES if rule.column == "max_steps")


def end_of(history: pa.Table, config: Mapping[str, object]) -> str | None:
    """What shows the end of the last attempt, or None; never a ratio such as `progress`.

    Args:
        history: Table of `HISTORY_SCHEMA`.
        config: As it was logged.
    """
    if not len(history):
        return None
    rows = history.filter(pc.equal(history["attempt"], pc.max(history["attempt"])))
    last = pc.max(rows["step"]).as_py()
    at_last = rows.filter(pc.equal(rows["step"], last))["name"].cast(pa.string()).to_pylist()
    if any(name.rsplit("/", 1)[-1] == _CLOSING for name in at_last):
        return "the Trainer logged its closing row"
    for found in KeyIndex(config).find(_STEP_KEYS):
        n_steps = step_of(found.value)
        if n_steps:
            # Steps count from 0 or from 1.
            return f"all steps of {found.path} were logged" if last >= n_steps - 1 else None
    return None
