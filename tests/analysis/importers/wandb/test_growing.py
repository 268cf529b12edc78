"""Runs that grow between imports, through the reading process and the sink: no row twice, none lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.importers.registry import KINDS
from analysis.importers.sink import ImportReport, import_from
from analysis.importers.source import Request
from analysis.store import Store
from tests.analysis.importers.wandb.made_up import place, row, run_at, write_part
from tests.analysis.importers.wandb_log.client import only_log, start_client
from tests.analysis.importers.wandb_log.frames import BLOCK, read_sound_log
from tests.analysis.importers.wandb_log.write_logs import LONG_ROWS, long_row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
WANDB = [kind for kind in KINDS if kind.name == "wandb"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def import_all(store: Store, *places: Path, now: float) -> ImportReport:
    return import_from(WANDB, Request(targets=tuple(map(str, places)), now=now), store)


def stored(store: Store) -> dict[tuple[int, int, str], float]:
    """Attempt, step and name -> value, of the store's one run; each place once."""
    snapshot = store.snapshot()
    (run_id,) = snapshot.runs()["run_id"]
    rows = snapshot.logged([run_id]).to_pylist()
    found = {(cell["attempt"], cell["step"], cell["name"]): cell["value"] for cell in rows}
    assert len(found) == len(rows)
    return found


def logged(n_rows: int) -> dict[tuple[int, int, str], float]:
    return {(1, i, name): value for i in range(n_rows) for name, value in long_row(i).items()}


def on_disk(path: Path) -> int:
    """Rows counted with W&B's own protobufs."""
    return sum(record.kind == "history" for record in read_sound_log(path.read_bytes()))


def test_a_log_that_grows_block_by_block_never_doubles_a_row(store: Store, tmp_path: Path, log_bytes: bytes) -> None:
    path = tmp_path / "wandb" / "run-long.wandb"
    for size in (5 * BLOCK, 8 * BLOCK - 3, len(log_bytes)):
        place(path, log_bytes[:size])
        report = import_all(store, path.parent, now=path.stat().st_mtime + 5)
        (line,) = report.lines
        n_rows = on_disk(path)
        assert stored(store) == logged(n_rows)
        assert (line.result.rows_expected, line.result.rows_got) == (n_rows, n_rows)
        assert line.result.verdict == ("complete" if size == len(log_bytes) else "unverified")
    assert line.state == "extended"
    assert n_rows == LONG_ROWS
    before = content(store)
    assert [line.state for line in import_all(store, path.parent, now=path.stat().st_mtime + 9).lines] == ["known"]
    assert content(store) == before


def content(store: Store) -> dict[str, bytes]:
    """Every file of the store's tables."""
    root = Path(store.location)
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.suffix in (".parquet", ".json")}


def test_a_run_is_imported_while_the_client_logs(store: Store, tmp_path: Path) -> None:
    with start_client("growing", tmp_path / "client") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        counts = []
        for _ in range(3):
            n_logged = int(process.stdout.readline())
            path = only_log(tmp_path / "client")
            before = on_disk(path)
            (line,) = import_all(store, tmp_path / "client", now=path.stat().st_mtime).lines
            assert (line.result.verdict, line.result.rows_got) == ("unverified", line.result.rows_expected)
            assert 0 < before <= line.result.rows_got <= n_logged
            assert stored(store) == logged(line.result.rows_got)
            counts.append(line.result.rows_got)
            process.stdin.write("more\n")
            process.stdin.flush()
        n_rows = int(process.stdout.readline())
        process.stdin.close()
        assert process.wait(timeout=100) == 0
    assert all(one < other for one, other in itertools.pairwise(counts))
    (line,) = import_all(store, tmp_path / "client", now=path.stat().st_mtime).lines
    assert (line.result.verdict, line.result.rows_got) == ("complete", n_rows)
    assert stored(store) == logged(n_rows)
    assert store.snapshot().runs()["status"].tolist() == ["finished"]


def growing_parts(folder: Path) -> Iterator[tuple[int, int]]:
    """A run with a part more each time; gives the number of attempts and of rows so far."""
    write_part(folder / "a", run_at(0), *(row(step, step, x=step) for step in range(5)), ended=False)
    yield 1, 5
    resumed = run_at(100, resumed=True, starting_step=3)
    write_part(folder / "b", resumed, *(row(step, x=step + 0.5) for step in (3, 4, 5)))
    yield 2, 5 + 6
    write_part(folder / "c", run_at(200), *(row(step, x=-step) for step in range(1, 4)))
    yield 3, 5 + 6 + 3


def test_parts_that_come_later_are_attempts_of_the_same_run(store: Store, tmp_path: Path) -> None:
    for n_attempts, n_values in growing_parts(tmp_path / "wandb"):
        import_all(store, tmp_path / "wandb", now=2e9)
        values = stored(store)
        assert (len({attempt for attempt, _, _ in values}), len(values)) == (n_attempts, n_values)
    assert [value for (attempt, _, _), value in sorted(values.items()) if attempt == 2] == [0, 1, 2, 3.5, 4.5, 5.5]


def test_a_copy_elsewhere_is_the_same_run(store: Store, tmp_path: Path, log_bytes: bytes) -> None:
    place(tmp_path / "a" / "run-long.wandb", log_bytes)
    import_all(store, tmp_path / "a", now=2e9)
    place(tmp_path / "b" / "run-long.wandb", log_bytes)
    import_all(store, tmp_path / "b", tmp_path / "a", now=2e9)
    assert stored(store) == logged(LONG_ROWS)
