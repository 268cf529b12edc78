"""Files of a run on the server: its tables, and what the client noted about machine and command line."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb.tables import MAX_RUN_BYTES, MAX_TABLE_BYTES, Fetch, TableError
from analysis.importers.wandb_api.client import Client, WandbFile
from analysis.importers.wandb_api.remote_run import RemoteRun
from analysis.importers.wandb_api.trouble import ServerTrouble
from analysis.importers.wandb_log.json_text import parse_json

_METADATA: Final = "wandb-metadata.json"
_MOST_METADATA_BYTES: Final = 1_000_000
_KEPT: Final = (
    "os", "python", "program", "args", "codePath", "git", "docker", "startedAt", "cpu_count", "gpu", "gpu_count",
    "cudaVersion", "slurm",
)  # fmt: skip
"""Who ran it, and folders and disks of the machine, are left out."""
_PER_REQUEST: Final = 50


def read_metadata(client: Client, run: RemoteRun) -> dict[str, object]:
    """What the client noted about the machine; empty where it noted nothing.

    Raises:
        Deleted: the run is gone.
        ServerTrouble: the server cannot be read.
    """
    files = _list_files(client, run, [_METADATA])
    try:
        noted = parse_json(_fetch_from(client, files)(_METADATA, _MOST_METADATA_BYTES).decode()) if files else None
    except (TableError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def kept_metadata(noted: Mapping[str, object]) -> dict[str, object]:
    """The part of it that an analysis has a use for."""
    return {name: noted[name] for name in _KEPT if noted.get(name)}


def fetch_tables(client: Client, run: RemoteRun, media: Sequence[MediaValue]) -> Fetch:
    """Fetches the files of the tables that some values refer to.

    Raises:
        Deleted: the run is gone.
        ServerTrouble: the server does not list its files.
    """
    names = [name for value in media if (name := _file_name(value.text)) is not None]
    return _fetch_from(client, _list_files(client, run, list(dict.fromkeys(names))))


def fetch_nothing(reason: str) -> Fetch:
    """Fetches from a server that gave no list of its files."""

    def fetch(path: str, most: int) -> bytes:  # noqa: ARG001 - as `Fetch` has it
        raise TableError(reason)

    return fetch


def _file_name(text: str) -> str | None:
    """The file of a table."""
    value = parse_json(text) if "table-file" in text else None
    path = value.get("path") if isinstance(value, dict) else None
    return path if isinstance(path, str) else None


def _list_files(client: Client, run: RemoteRun, names: Sequence[str]) -> dict[str, WandbFile]:
    """The server's files of these names, by name."""
    files: dict[str, WandbFile] = {}
    for i in range(0, len(names), _PER_REQUEST):
        found = _some_files(client, run, list(names[i : i + _PER_REQUEST]))
        files |= {str(file.name): file for file in found if file.name in names}
    return files


def _some_files(client: Client, run: RemoteRun, names: list[str]) -> list[WandbFile]:
    return client.ask(lambda: list(run.handle.files(names=names, per_page=2 * _PER_REQUEST)))


def _fetch_from(client: Client, files: Mapping[str, WandbFile]) -> Fetch:
    def fetch(path: str, most: int) -> bytes:
        file = files.get(path)
        if file is None:
            raise TableError(f"the server has no file {path!r}")
        if file.size > most:
            raise TableError(_TOO_LARGE)
        with tempfile.TemporaryDirectory(prefix="ucurve-wandb-file-") as folder:
            return _download(client, file, Path(folder), most)

    return fetch


def _download(client: Client, file: WandbFile, folder: Path, most: int) -> bytes:
    # The name under which the client saves a file is the server's: what it saves must lie in this folder.
    def size() -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    try:
        with client.ask(lambda: file.download(root=str(folder), replace=True), moving=size):
            pass
    except ServerTrouble as trouble:
        raise TableError(str(trouble)) from trouble
    (place,) = (path for path in folder.rglob("*") if path.is_file())
    if place.stat().st_size > most:
        raise TableError(_TOO_LARGE)
    return place.read_bytes()


_TOO_LARGE: Final = (
    f"it is too large: more than {MAX_TABLE_BYTES // 10**6} MB, or the tables of the run have more than "
    f"{MAX_RUN_BYTES // 10**6} MB together"
)
