"""Output folders of whichever tool wrote them: the tools that are built on the Trainer say more than it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analysis.importers import axolotl, llama_factory
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trainer.output_folder import open_folder
from analysis.importers.trainer.read import Extras, read_folder


def read_training(path: Path, now: float) -> Iterator[SourceRun | Refusal]:
    """The runs of an output folder, as `auto` would import them; none where there is no such folder."""
    folder = open_folder(path)
    if folder is None:
        return
    tool = next((tool for tool in (axolotl, llama_factory) if tool.is_mine(folder)), None)
    yield from read_folder(folder, Extras() if tool is None else tool.extras_of(folder), now)
