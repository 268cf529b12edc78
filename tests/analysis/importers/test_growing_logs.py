"""Logs that grow, are resumed, copied or read twice, through reading process and sink: no row twice, none lost."""

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from analysis.importers.registry import KINDS
from analysis.importers.sink import ImportReport, import_from
from analysis.importers.source import Request
from analysis.store import Store
from tests.analysis.importers.neptune.exported import training, write_run

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
LATER = 4e9
Logged = dict[tuple[int, int, str], float]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def bring(store: Store, kind: str, *places: Path) -> ImportReport:
    kinds = [known for known in KINDS if known.name == kind]
    return import_from(kinds, Request(targets=tuple(map(str, places)), now=LATER), store)


def stored(store: Store) -> list[Logged]:
    """Attempt, step and name -> value of each run; each place once."""
    snapshot, runs = store.snapshot(), []
    for run_id in sorted(snapshot.runs()["run_id"]):
        rows = snapshot.logged([run_id]).to_pylist()
        runs.append({(cell["attempt"], cell["step"], cell["name"]): cell["value"] for cell in rows})
        assert len(runs[-1]) == len(rows)
    return runs


def content(store: Store) -> dict[str, bytes]:
    """Every file of the store's tables."""
    root = Path(store.location)
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.suffix in (".parquet", ".json")}


def in_file(path: Path, attempt: int = 1) -> Logged:
    """What the whole lines of a `metrics.jsonl` hold."""
    rows = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return {(attempt, row["step"], name): value for row in rows for name, value in row.items() if name != "step"}


def test_a_tinker_run_that_grows_never_doubles_a_row(store: Store, tmp_path: Path) -> None:
    source = HERE / "tinker" / "logs" / "killed"
    folder = Path(shutil.copytree(source, tmp_path / "run"))
    lines = (source / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "checkpoints.jsonl").unlink()
    for whole, half in ((1, 0), (3, 40), (6, 0)):
        rest = lines[whole][:half] if half else b""
        (folder / "metrics.jsonl").write_bytes(b"".join(lines[:whole]) + rest)
        report = bring(store, "tinker", tmp_path / "run")
        assert stored(store) == [in_file(folder / "metrics.jsonl")]
        assert report.lines[0].result.rows_got == whole
    before = content(store)
    assert [line.state for line in bring(store, "tinker", tmp_path / "run").lines] == ["unchanged"]
    assert content(store) == before


def test_a_tinker_run_that_is_resumed_is_one_run_with_attempts(store: Store, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(HERE / "tinker" / "logs" / "resumed", tmp_path / "run"))
    resumed = folder / "metrics.jsonl"
    late, early = resumed.read_bytes(), (folder / "metrics.jsonl.pre_resume_000005").read_bytes()
    (folder / "metrics.jsonl.pre_resume_000005").unlink()
    resumed.write_bytes(early)
    bring(store, "tinker", folder)
    first = in_file(resumed)
    assert stored(store) == [first]

    (folder / "metrics.jsonl.pre_resume_000005").write_bytes(early)
    resumed.write_bytes(late)
    report = bring(store, "tinker", folder)
    assert stored(store) == [first | in_file(resumed, attempt=2)]
    assert [line.state for line in report.lines] == ["extended"]
    assert [line.state for line in bring(store, "tinker", folder).lines] == ["known"]


def test_a_copied_tinker_folder_adds_nothing(store: Store, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(HERE / "tinker" / "logs" / "capped", tmp_path / "a" / "lr_1e-3"))
    bring(store, "tinker", folder)
    before = stored(store)
    shutil.copytree(folder, tmp_path / "b" / "lr_9e-9")
    shutil.rmtree(folder)
    bring(store, "tinker", tmp_path / "b")
    assert stored(store) == before


def test_a_trackio_database_that_grows_adds_only_the_new_rows(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sft.db"
    path.write_bytes(gzip.decompress((HERE / "trackio" / "logs" / "sft.db.gz").read_bytes()))
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM metrics WHERE id > 20")
    bring(store, "trackio", path)
    early = stored(store)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(whole)

    bring(store, "trackio", path)
    late = stored(store)
    assert len(late) == 4
    assert all(any(run.items() <= grown.items() for grown in late) for run in early)
    assert sum(map(len, late)) == 3 * 27 + 5

    before = content(store)
    assert {line.state for line in bring(store, "trackio", path).lines} == {"unchanged"}
    assert content(store) == before


@pytest.mark.parametrize("kind", ["neptune", "open-instruct"])
def test_a_second_import_changes_not_a_byte(store: Store, tmp_path: Path, kind: str) -> None:
    place = HERE / kind.replace("-", "_") / "logs"
    if kind == "neptune":
        place = tmp_path / "data"
        for seed in (0, 1):
            write_run(place, f"run-{seed}", training(1e-4, seed))
    first = bring(store, kind, place)
    before = content(store)

    second = bring(store, kind, place)
    assert content(store) == before
    assert first.n_runs == second.n_runs > 1
    assert not {line.state for line in second.lines} & {"new", "extended", "changed"}
