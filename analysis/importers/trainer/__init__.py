"""Output folders of Hugging Face's Trainer, and of TRL, whose trainers are built on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trainer.output_folder import find_folders, open_folder
from analysis.importers.trainer.read import Extras, read_folder


class TrainerSource:
    """Reads output folders; see `analysis.importers.source.Source`."""

    kind: Final = "trainer"

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The output folders at and below the targets."""
        return find_folders(self.kind, request)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The runs of one output folder."""
        folder = open_folder(Path(item.locator["path"]))
        if folder is None:
            yield Refusal(kind=self.kind, label=item.label, reason="the folder went away, or cannot be read any more")
            return
        for run in read_folder(folder, Extras(), request.now):
            if isinstance(run, SourceRun):
                progress(run.rows_got)
            yield run


SOURCE: Final = TrainerSource()
