"""The source that every tool built on the Trainer shares: only whose a folder is, and what it says beside, differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trainer.output_folder import OutputFolder, find_folders, open_folder
from analysis.importers.trainer.read import Extras, read_folder


@dataclass(slots=True)
class OutputFolderSource:
    """Reads output folders; see `analysis.importers.source.Source`.

    Attributes:
        kind: Kind of the source.
        is_mine: Whether the tool wrote a folder.
        extras_of: What a folder says beside the Trainer's own files.
    """

    kind: str
    is_mine: Callable[[OutputFolder], bool] = lambda _: True
    extras_of: Callable[[OutputFolder], Extras] = lambda _: Extras()

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The tool's output folders at and below the targets."""
        return find_folders(self.kind, request, self.is_mine)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The runs of one output folder."""
        folder = open_folder(Path(item.locator["path"]))
        if folder is None:
            yield Refusal(kind=self.kind, label=item.label, reason="the folder went away, or cannot be read any more")
            return
        for run in read_folder(folder, self.extras_of(folder), request.now):
            if isinstance(run, SourceRun):
                progress(run.rows_got)
            yield run
