"""Checkpoint folders: whole or not there, whatever kills the writer; damage is seen."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.training.checkpoint_files import MARKER, CheckpointShelf, Damage

FILES = {"pack.safetensors": b"tensors" * 1000, "state.json": b'{"step": 7}'}


def write(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def shelf(tmp_path: Path) -> CheckpointShelf:
    return CheckpointShelf(tmp_path / "checkpoints" / "tiny")


def names(shelf: CheckpointShelf) -> list[str]:
    return [found.name for found in shelf.newest_first() if isinstance(found, Path)]


def test_the_newest_ones_stay_and_the_newest_comes_first(shelf: CheckpointShelf) -> None:
    assert names(shelf) == []
    for _ in range(12):
        shelf.publish(write, keep=2)
    assert names(shelf) == ["12", "11"]
    assert sorted(path.name for path in shelf.folder.iterdir()) == ["11", "12"]
    assert (shelf.folder / "12" / "state.json").read_bytes() == FILES["state.json"]
    shelf.clear()
    assert not shelf.folder.exists()


@pytest.mark.parametrize("name", [*FILES, MARKER])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "was cut or grew|cannot be read"),
        (lambda path: path.write_bytes(b""), "was cut or grew|cannot be read"),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "is not what was written|cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "was cut or grew|cannot be read"),
    ],
)
def test_any_damage_is_seen_and_the_one_before_is_next(
    shelf: CheckpointShelf, name: str, change: Callable[[Path], object], reason: str
) -> None:
    for _ in range(2):
        shelf.publish(write, keep=2)
    change(shelf.folder / "2" / name)
    damage, before = shelf.newest_first()
    assert isinstance(damage, Damage)
    assert any(part in damage.reason for part in reason.split("|"))
    assert before == shelf.folder / "1"
    shelf.remove(damage.folder)
    assert names(shelf) == ["1"]


@pytest.mark.parametrize(
    "marker", ["[]", "7", '{"state.json": 7}', '{"../../secret": {"bytes": 1, "sha256": ""}}', "\xff"]
)
def test_a_marker_that_says_nonsense_is_damage(shelf: CheckpointShelf, marker: str) -> None:
    shelf.publish(write, keep=2)
    (shelf.folder / "1" / MARKER).write_text(marker, encoding="latin-1")
    assert names(shelf) == []


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_failed_fsync_throws_the_draft_away(
    shelf: CheckpointShelf, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    shelf.publish(write, keep=2)
    n_calls, fsync = 0, os.fsync

    def broken(handle: int) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        shelf.publish(write, keep=2)
    # Once it is renamed all of it is durable; what may be lost with the last fsync is the name.
    assert names(shelf) == (["2", "1"] if failing == 5 else ["1"])
    assert not list(shelf.folder.glob("*.inprogress"))
    assert n_calls == failing


KILLED = """
import os, signal, sys
from pathlib import Path
from runner.training import checkpoint_files
when, folder, n_calls = int(sys.argv[1]), Path(sys.argv[2]), 0
def counted(inner):
    def call(*arguments, **options):
        global n_calls
        n_calls += 1
        if n_calls == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*arguments, **options)
    return call
os.fsync = counted(os.fsync)
os.unlink = counted(os.unlink)
Path.rename = counted(Path.rename)
Path.write_bytes = counted(Path.write_bytes)
Path.write_text = counted(Path.write_text)
Path.unlink = counted(Path.unlink)
def write(folder):
    (folder / "pack.safetensors").write_bytes(b"tensors" * 1000)
    (folder / "state.json").write_bytes(b'{"step": 7}')
checkpoint_files.CheckpointShelf(folder).publish(write, keep=1)
print("published", n_calls)
"""


def test_a_kill_in_any_phase_leaves_a_whole_one(tmp_path: Path) -> None:
    """Killed before each write, fsync, rename and removal in turn, until one goes through."""
    outcomes = []
    for when in range(1, 40):
        shelf = CheckpointShelf(tmp_path / str(when))
        shelf.publish(write, keep=1)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(when), shelf.folder],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = list(shelf.newest_first())
        whole = [each.name for each in found if isinstance(each, Path)]
        assert whole, when
        assert found[0] == shelf.folder / whole[0], when  # no half is published under its final name
        outcomes.append(whole)
        shelf.publish(write, keep=1)  # what the kill left is in nobody's way
        assert len(names(shelf)) == 1
        assert not list(shelf.folder.glob("*.inprogress"))
        if done.returncode == 0:
            assert "published" in done.stdout
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.returncode == 0
    assert outcomes[0] == ["1"]
    assert outcomes[-1] == ["2"]
    assert len(outcomes) > 10
