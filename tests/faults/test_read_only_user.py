"""Somebody who may read a store and its queue, but not write: sees what there is, and is refused in a sentence."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.faults.bench import Bench, wait_for
from tests.faults.oracles import check_sentence, go_on, read_pages
from tests.faults.test_dashboard import Dashboard
from tests.faults.warm import Warm, ucurve

_CAPABILITIES_V3: Final = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of linux/capability.h."""
_NO_NEW_PRIVILEGES: Final = 38
"""PR_SET_NO_NEW_PRIVS of linux/prctl.h."""
_SOMEBODY: Final = 65_534
_BOUND: Final = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")


def without_privileges(work: Callable[[], object]) -> None:
    """Does it as a user whom permissions bind: root without its capabilities, who can still read root's Python."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")
    work()


def show(store: Path, *titles: str) -> None:
    """Says what these pages say."""
    print(read_pages(store, *titles))  # noqa: T201


def give_away(store: Path) -> None:
    """It belongs to somebody else from now on; others may read all but the key."""
    for path in (store, *store.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o600 if path.name == "key" else 0o644)
        os.chown(path, _SOMEBODY, _SOMEBODY)


def files_of(store: Path) -> dict[Path, bytes]:
    """All files with what is in them."""
    return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.fixture
def closed(bench: Bench) -> Bench:
    """A store with four runs and a job that waits, of somebody else."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("giving files to somebody else needs root, and setpriv")
    tried = subprocess.run([*_BOUND, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"privileges cannot be dropped here: {tried.stderr.strip()}")
    go_on(bench)
    bench.submit()
    give_away(bench.store)
    return bench


def said_without_privileges(bench: Bench, work: Callable[[], object], *codes: int) -> str:
    """What it says; one of these is its exit code."""
    process = Warm(partial(without_privileges, work), bench.output(), bench.environment)
    assert process.wait() in codes, process.said()
    check_sentence(process.said())
    return process.said()


def test_who_may_only_read_sees_everything_and_writes_nothing(closed: Bench) -> None:
    before, store = files_of(closed.store), f"--store={closed.store}"
    (job,) = closed.queue.jobs()
    dashboard = Dashboard(closed, _BOUND)
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{dashboard.server.pid}/status").read_text()
    for arguments, sentence in (
        (("submit", closed.spec, "--again"), "the key file"),
        (("stop", job.job_id), "the key file"),
        (("worker", "--once"), "ask somebody who may write its folder"),
        (("sweep", closed.spec), "ask somebody who may"),
    ):
        assert sentence in said_without_privileges(closed, ucurve(*arguments, store), 2, 3)
    assert job.job_id in said_without_privileges(closed, ucurve("queue", store), 0)
    text = said_without_privileges(closed, partial(show, closed.store, "Queue", "Overview"), 0)
    assert "Queued: 1" in text
    assert "**No worker is running**" in text
    assert "Newest sweep: tiny" in text
    wait_for(dashboard.is_healthy, "the dashboard answers")
    dashboard.end()
    assert files_of(closed.store) == before


def test_a_queue_that_may_not_be_read_is_a_sentence_and_the_runs_are_shown(closed: Bench) -> None:
    (closed.store / "queue").chmod(0o700)
    before, store = files_of(closed.store), f"--store={closed.store}"
    dashboard = Dashboard(closed, _BOUND)
    for arguments in (("queue",), ("submit", closed.spec, "--again"), ("worker", "--once")):
        said = said_without_privileges(closed, ucurve(*arguments, store), 2, 3)
        assert "the queue" in said
        assert len(said.strip().splitlines()) == 1, said
    text = said_without_privileges(closed, partial(show, closed.store, "Queue", "Overview"), 0)
    assert r"cannot be read\: Permission denied" in text
    assert "Newest sweep: tiny" in text
    wait_for(dashboard.is_healthy, "the dashboard answers")
    dashboard.end()
    assert files_of(closed.store) == before
