"""A run's history as the server exported it: Parquet files, downloaded by the client into a folder of this import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.importers.wandb_api.cells import Cells
from analysis.importers.wandb_api.client import Client
from analysis.importers.wandb_api.remote_run import RemoteRun
from analysis.importers.wandb_api.trouble import ServerTrouble


@dataclass(frozen=True, slots=True)
class Exported:
    """What the exports gave.

    Attributes:
        is_sound: Every file that the server has came in.
        note: Why it is not, for people.
    """

    is_sound: bool
    note: str | None = None


def read_exports(
    client: Client, run: RemoteRun, folder: Path, cells: Cells, progress: Callable[[int], None]
) -> Exported:
    """Puts the exported rows into `cells`; whatever is wrong with the files, the pages have the same rows.

    Raises:
        Deleted: the run is gone.
    """
    try:
        done = client.ask(
            lambda: run.handle.download_history_exports(folder, require_complete_history=False),
            alive=lambda: progress(cells.n_rows),
            moving=lambda: _bytes_in(folder),
        )
    except ServerTrouble as trouble:
        return Exported(False, f"the exported history could not be had ({trouble})")
    n_failed = len(done.errors or {})
    for path in sorted(path for path in done.paths if path not in (done.errors or {})):
        try:
            _read_file(path, cells, progress)
        except (OSError, pa.ArrowException, ValueError, KeyError):
            n_failed += 1
    if n_failed:
        return Exported(False, f"{n_failed} of the files of the exported history could not be read")
    return Exported(True)


def _read_file(path: Path, cells: Cells, progress: Callable[[int], None]) -> None:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=20_000):
            cells.add_table(pa.Table.from_batches([batch]))
            progress(cells.n_rows)
    path.unlink()


def _bytes_in(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:  # not made yet, or a file that was just renamed
        return 0
