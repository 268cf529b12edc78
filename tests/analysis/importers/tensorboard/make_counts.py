"""Writes `logs/counts.json`: all scalars of `logs/` as TensorBoard's own EventAccumulator reads them, none sampled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def main(logs: Path) -> None:
    """One entry for each folder with event files: tag -> list of step and value."""
    found = {}
    for folder in sorted({path.parent for path in logs.rglob("*tfevents*")}):
        accumulator = EventAccumulator(
            str(folder), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False
        )
        accumulator.Reload()
        tags = accumulator.Tags()["scalars"]
        found[str(folder.relative_to(logs))] = {
            tag: [[event.step, repr(event.value)] for event in accumulator.Scalars(tag)] for tag in tags
        } | {
            tag: [[event.step, repr(float(make_ndarray(event.tensor_proto)))] for event in accumulator.Tensors(tag)]
            for tag in _scalar_tensors(accumulator)
            if tag not in tags
        }
    (logs / "counts.json").write_text(json.dumps(found, separators=(",", ":")))


def _scalar_tensors(accumulator: EventAccumulator) -> list[str]:
    try:
        return list(accumulator.PluginTagToContent("scalars"))
    except KeyError:
        return []


if __name__ == "__main__":
    main(Path(sys.argv[1]))
