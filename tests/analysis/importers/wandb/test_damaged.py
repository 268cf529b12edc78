"""A real log, cut and damaged: rows against a count on the undamaged copy with W&B's own protobufs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb import SOURCE
from tests.analysis.importers.reading import points, read_all
from tests.analysis.importers.wandb.made_up import place
from tests.analysis.importers.wandb_log.frames import BLOCK, PlainRecord, read_sound_log
from tests.analysis.importers.wandb_log.write_logs import LONG_ROWS, long_row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
N_CUTS = 40
SEED = 4
LOGGED = [long_row(i) for i in range(LONG_ROWS)]


@pytest.fixture(scope="module")
def records(log_bytes: bytes) -> list[PlainRecord]:
    return read_sound_log(log_bytes)


def steps(records: list[PlainRecord], keep: Callable[[PlainRecord], bool]) -> list[int]:
    return [record.record.history.step.num for record in records if record.kind == "history" and keep(record)]


def read(folder: Path, content: bytes) -> SourceRun | Refusal:
    runs, refusals = read_all(SOURCE, place(folder / "run-damaged.wandb", content))
    assert len(runs) + len(refusals) == 1
    return runs[0] if runs else refusals[0]


def check(run: SourceRun | Refusal, kept: list[int]) -> SourceRun:
    """Exactly these rows came, each value as it was logged."""
    assert isinstance(run, SourceRun), run
    assert points(run) == {(1, step, name): value for step in kept for name, value in LOGGED[step].items()}
    assert run.rows_got == len(kept)
    return run


def test_a_log_cut_at_any_of_many_offsets_gives_the_rows_before_the_cut(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    edges = [7, BLOCK, 3 * BLOCK, len(log_bytes) - 1]
    start = next(record for record in records if record.kind == "run").stop
    cuts = np.random.default_rng(SEED).integers(8, len(log_bytes), N_CUTS - len(edges)).tolist()
    n_runs = 0
    for cut in [*edges, *cuts]:
        answer = read(tmp_path, log_bytes[:cut])
        if cut < start:
            assert isinstance(answer, Refusal)
            continue
        n_runs += 1
        run = check(answer, steps(records, lambda record, cut=cut: record.stop <= cut))  # type: ignore[misc]
        assert (run.verdict, run.status) != ("complete", "finished")
        assert run.verdict in ("partial", "unverified")
        assert run.reason
        assert run.lost_records == 0
    assert n_runs > N_CUTS // 2


def test_a_flipped_byte_costs_one_record_and_is_said(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    first = next(record for record in records if record.kind == "history")
    for where in np.random.default_rng(SEED).integers(first.start, records[-1].start, 10).tolist():
        damaged = bytearray(log_bytes)
        damaged[where] ^= 0x40
        kept = [record for record in records if not record.start <= where < record.stop]
        run = check(read(tmp_path, bytes(damaged)), steps(kept, lambda _: True))
        assert run.lost_records == len(records) - len(kept) <= 1
        assert run.verdict == ("partial" if run.lost_records else "complete")
        assert run.status == "failed", "the end is known"
        if run.lost_records:
            assert run.reason is not None
            assert "1 records are missing" in run.reason


@pytest.mark.parametrize("block", [1, 4, 8])
def test_a_zeroed_block_costs_its_records_counted_exactly(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord], block: int
) -> None:
    start, stop = block * BLOCK, (block + 1) * BLOCK
    kept = [record for record in records if record.stop <= start or record.start >= stop]
    run = check(read(tmp_path, log_bytes[:start] + bytes(BLOCK) + log_bytes[stop:]), steps(kept, lambda _: True))
    assert run.lost_records == len(records) - len(kept) > 50
    assert run.verdict == "partial"
    assert run.reason is not None
    assert f"{run.lost_records} records are missing" in run.reason


@pytest.mark.parametrize("other", ["cut", "flipped"])
def test_of_a_damaged_log_and_its_sound_copy_the_sound_one_counts(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord], other: str
) -> None:
    history = next(record for record in records if record.kind == "history")
    worse = bytearray(log_bytes[:200_000] if other == "cut" else log_bytes)
    worse[history.stop - 1] ^= 1
    place(tmp_path / "a" / "run-long.wandb", bytes(worse))
    place(tmp_path / "b" / "run-long.wandb", log_bytes)
    (run,), refusals = read_all(SOURCE, tmp_path)
    assert refusals == []
    check(run, list(range(LONG_ROWS)))
    assert run.verdict == "complete"


def test_a_damaged_start_leaves_a_proof_of_who_the_run_is(
    tmp_path: Path, log_bytes: bytes, records: list[PlainRecord]
) -> None:
    whole = read(tmp_path, log_bytes)
    first = next(record for record in records if record.kind == "history")
    damaged = bytearray(log_bytes)
    damaged[first.stop - 1] ^= 1
    run = check(read(tmp_path, bytes(damaged)), list(range(1, LONG_ROWS)))
    assert isinstance(whole, SourceRun)
    assert set(run.marks) & set(whole.marks)
