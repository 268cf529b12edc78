"""A sweep that was cut off and goes on ends with the same tables and adapters, bit by bit, as one that was not.

A kill leaves what is on the disk at that moment: a copy of the store's folder, taken while the sweep runs, is that.
"""

import hashlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from analysis.store import Store, artifact_dir
from runner.spec import load_sweep_spec
from runner.sweep import PreparedSweep, SweepOutcome, prepare_sweep, run_sweep
from runner.sweep_progress import NoView, SweepProgress

SEED = 20260611
KILLS = (1, 7, 8, 9, 20, *random.Random(SEED).sample(range(2, 60), 3))  # noqa: S311 - moments of kills, no secrets
OWN_COLUMNS = ["seq", "attempt", "created_at", "updated_at", "wall_s", "provenance_json", "peak_memory_bytes"]
"""Columns of a run that say how it came about."""


class Watcher(NoView):
    """Does something when the pack has taken so many steps."""

    def __init__(self, do: Callable[[int], None] = lambda _n: None) -> None:
        self.said: list[str] = []
        self.n_steps = 0
        self._do, self._last = do, ""

    def say(self, text: str) -> None:
        self.said.append(text)

    def changed(self, progress: SweepProgress) -> None:
        run_ids = list(progress.running)
        if run_ids[0] != self._last and self._last in run_ids:  # once a step of the pack, roughly
            pass
        self.n_steps += 1
        self._do(self.n_steps)


def with_spec(spec_file: Path, **lines: str) -> PreparedSweep:
    """Six runs of 30 and 10 steps in a pack of three, with dropout; a checkpoint every eight steps."""
    text = spec_file.read_text()
    text = text.replace("lora_alpha: 65536, lora_rank: 1, weight_decay: 10", "lora_alpha: 8, lora_dropout: 0.1")
    text = text.replace("pack: 4", "pack: 3").replace("learning_rate: [1e-3, 1e-2, 1.0]", "learning_rate: [1e-3, 1e-2]")
    text += "seeds: 2\ncheckpoint: {every_minutes: null, every_steps: 8}\n"
    for old, new in lines.items():
        text = text.replace(old, new)
    spec_file.write_text(text)
    return prepare_sweep(load_sweep_spec(spec_file))


def image(store: Store, folder: Path) -> Store:
    """What a kill would leave just now."""
    shutil.copytree(store.location, folder)
    return Store.open(folder)


def resume(sweep: PreparedSweep, store: Store) -> tuple[SweepOutcome, list[str]]:
    view = Watcher()
    return run_sweep(sweep, store, view=view), view.said


def tables(store: Store) -> dict[str, dict[str, object]]:
    """Everything about each run that must not depend on interruptions."""
    runs = store.snapshot().runs().set_index("run_id")
    logged = store.snapshot().logged(runs.index.tolist()).to_pandas()
    found: dict[str, dict[str, object]] = {}
    for run_id, row in runs.iterrows():
        mine = logged[(logged["run_id"] == run_id) & (logged["attempt"] == row["attempt"])]
        rows = sorted(zip(mine["name"], mine["step"], mine["tokens_seen"], map(float.hex, mine["value"]), strict=True))
        folder = artifact_dir(store, str(run_id))
        files = {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*.safetensors"))
        }
        found[str(run_id)] = {"row": row.drop(OWN_COLUMNS).astype(str).to_dict(), "metrics": rows, "adapters": files}
    return found


def test_after_a_kill_everything_is_as_if_there_had_been_none(spec_file: Path, store: Store, tmp_path: Path) -> None:
    sweep = with_spec(spec_file)
    images: dict[int, Store] = {}

    def keep(n_steps: int) -> None:
        if n_steps in KILLS:
            images[n_steps] = image(store, tmp_path / f"killed-{n_steps}")

    assert run_sweep(sweep, store, view=Watcher(keep)).is_complete
    assert not (Path(store.location) / "checkpoints").exists() or not list(
        (Path(store.location) / "checkpoints").iterdir()
    )
    expected = tables(store)
    for n_steps, killed in images.items():
        outcome, said = resume(sweep, killed)
        assert outcome.is_complete, (n_steps, SEED)
        assert tables(killed) == expected, (n_steps, SEED, said)
