"""A sweep that was cut off and goes on ends with the same tables and adapters, bit by bit, as one that was not.

A kill leaves what is on the disk at that moment: a copy of the store's folder, taken while the sweep runs, is that.
"""

import errno
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import torch

from analysis.errors import StoreError
from analysis.store import Store
from runner.errors import EnvironmentProblem
from runner.spec import load_sweep_spec
from runner.sweep import PreparedSweep, SweepOutcome, prepare_sweep, run_sweep
from runner.sweep_progress import NoView, SweepProgress
from runner.sweep_replay import by_step
from runner.training.checkpoint_files import CheckpointShelf
from tests.runner.run_tables import check_same, tables
from tests.runner.training.test_trainer import SmallMemory

SEED = 20260611
N_SLOTS = 3
NEIGHBOUR_ENDED = 44
KILLS = (7, 24, 25, NEIGHBOUR_ENDED, *random.Random(SEED).sample(range(50, 120), 2))  # noqa: S311 - no secrets
"""After so many optimizer steps, all runs together. The pack of three is kept after 24 and 48 (eight steps each); a
run of 12 steps ends between."""


class Watcher(NoView):
    """Does something after every optimizer step of any run."""

    def __init__(self, do: Callable[[int, SweepProgress], None] = lambda _n, _progress: None) -> None:
        self.said: list[str] = []
        self.n_steps = 0
        self._do, self._before = do, 0

    def say(self, text: str) -> None:
        self.said.append(text)

    def changed(self, progress: SweepProgress) -> None:
        if progress.done_tokens != self._before:  # else it was an evaluation
            self._before = progress.done_tokens
            self.n_steps += 1
            self._do(self.n_steps, progress)


@dataclass
class Uninterrupted:
    """A sweep that went through, and what a kill at some moments would have left of it."""

    sweep: PreparedSweep
    store: Store
    images: dict[int, Path] = field(default_factory=dict)

    def killed(self, n_steps: int, folder: Path) -> Store:
        shutil.copytree(self.images[n_steps], folder)
        return Store.open(folder)


def spec_text(model: Path, data: Path, more: str = "") -> str:
    """Six runs of about 35 or 12 steps, three at once, with dropout; small micro-batches depend on the neighbours."""
    return f"""
name: tiny
model: {model}
dataset: {{path: {data}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1e-2, 1.0], batch_size: [2, 6]}}
budget: {{tokens: 240}}
training: {{clip_norm: null, precision: float32, lora_alpha: 64, lora_rank: 2, lora_dropout: 0.1}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: {N_SLOTS}
micro_batch_tokens: 128
{more}
"""


def prepared(folder: Path, text: str) -> PreparedSweep:
    (folder / "tiny.yaml").write_text(text)
    return prepare_sweep(load_sweep_spec(folder / "tiny.yaml"))


EVERY_8 = "checkpoint: {every_minutes: null, every_steps: 8}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Uninterrupted:
    folder = tmp_path_factory.mktemp("whole")
    sweep = prepared(folder, spec_text(tiny_model_folder, pairs_file, EVERY_8))
    found = Uninterrupted(sweep, Store.open(folder / "store", create=True))

    def keep(n_steps: int, _progress: SweepProgress) -> None:
        if n_steps in KILLS:
            found.images[n_steps] = folder / f"killed-{n_steps}"
            shutil.copytree(found.store.location, found.images[n_steps])

    assert run_sweep(sweep, found.store, view=Watcher(keep)).is_complete
    assert sorted(found.images) == sorted(KILLS)
    assert not shelf_of(found.store).folder.exists()
    return found


def shelf_of(store: Store) -> CheckpointShelf:
    return CheckpointShelf(Path(store.location) / "checkpoints" / "tiny")


def go_on(sweep: PreparedSweep, store: Store, **options: object) -> tuple[SweepOutcome, list[str]]:
    view = Watcher()
    return run_sweep(sweep, store, view=view, **options), view.said  # type: ignore[arg-type]


@pytest.mark.parametrize("n_steps", KILLS)
def test_after_a_kill_everything_is_as_if_there_had_been_none(
    whole: Uninterrupted, tmp_path: Path, n_steps: int
) -> None:
    store = whole.killed(n_steps, tmp_path / "store")
    outcome, said = go_on(whole.sweep, store)
    assert outcome.is_complete
    check_same(store, tables(whole.store))
    assert any("going on from the checkpoint of" in text for text in said) == (n_steps > 24)
    assert any("are computed again" in text for text in said) or n_steps != NEIGHBOUR_ENDED
    assert store.check() == []
    assert not shelf_of(store).folder.exists()


def test_a_second_kill_and_a_damaged_checkpoint(whole: Uninterrupted, tmp_path: Path) -> None:
    n_steps = KILLS[-1]
    store, again = whole.killed(n_steps, tmp_path / "store"), tmp_path / "again"

    def kill(n: int, _progress: SweepProgress) -> None:
        if n == 14:
            shutil.copytree(store.location, again)

    run_sweep(whole.sweep, store, view=Watcher(kill))
    killed_twice = Store.open(again)
    newest = next(iter(shelf_of(killed_twice).newest_first()))
    assert isinstance(newest, Path)
    with (newest / "pack.safetensors").open("r+b") as file:
        file.truncate(1000)
    outcome, said = go_on(whole.sweep, killed_twice)
    assert outcome.is_complete
    assert f"checkpoint {newest.name} is damaged (pack.safetensors was cut or grew) and is removed" in said[0]
    assert said[1].startswith("going on from the checkpoint of")
    check_same(killed_twice, tables(whole.store))
    assert killed_twice.snapshot().runs()["attempt"].max() == 3


def test_without_the_neighbours_that_ended_since_the_bits_would_differ(
    whole: Uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay is needed: this is what the equality of the other tests rests on."""
    monkeypatch.setattr("runner.sweep_resume.RunsBefore.is_complete", lambda _self, _run_id: False)
    store = whole.killed(NEIGHBOUR_ENDED, tmp_path / "store")
    assert go_on(whole.sweep, store)[0].is_complete
    assert tables(store) != tables(whole.store)


def test_a_run_that_was_stopped_alone_leaves_at_the_same_step_again(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    sweep = prepared(tmp_path, spec_text(tiny_model_folder, pairs_file, EVERY_8))
    store, asked, image = Store.open(tmp_path / "store", create=True), set[str](), tmp_path / "killed"

    def watch(n_steps: int, progress: SweepProgress) -> None:
        if n_steps == 29:
            asked.add(list(progress.running)[1])
        if n_steps == 40:
            shutil.copytree(store.location, image)

    run_sweep(sweep, store, view=Watcher(watch), stop_runs=lambda: frozenset(asked))
    killed = Store.open(image)
    outcome, said = go_on(sweep, killed, stop_runs=lambda: frozenset(asked))
    assert outcome.counts["stopped"] == 1
    assert any("runs that ended after it are computed again" in text for text in said)
    check_same(killed, tables(store))


def test_a_clean_stop_keeps_a_checkpoint_and_loses_nothing(whole: Uninterrupted, tmp_path: Path) -> None:
    store, view = Store.open(tmp_path / "store", create=True), Watcher()
    stopped = run_sweep(whole.sweep, store, view=view, should_stop=lambda: view.n_steps >= 33)
    assert stopped.counts["stopped"] >= N_SLOTS
    outcome, said = go_on(whole.sweep, store)
    assert outcome.is_complete
    assert "(3 runs at " in said[0]
    check_same(store, tables(whole.store))
    curves = store.snapshot().logged(store.snapshot().runs()["run_id"].tolist()).to_pandas()
    second = curves[(curves["attempt"] == 2) & (curves["name"] == "train_loss")]
    assert (second.groupby("run_id")["step"].min() == 0).all()  # attempts are whole, never merged


def test_another_version_is_said_and_noted_another_precision_begins_anew(
    whole: Uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.training.session import here

    n_steps = NEIGHBOUR_ENDED
    monkeypatch.setattr("runner.sweep_work.here", lambda plans: here(plans) | {"torch": "99.0"})
    store = whole.killed(n_steps, tmp_path / "other-version")
    outcome, said = go_on(whole.sweep, store)
    assert outcome.is_complete
    assert any("the last digits may differ from an uninterrupted sweep's: torch was" in text for text in said)
    provenance = [json.loads(text) for text in store.snapshot().runs()["provenance_json"]]
    noted = [each["resumed"]["differences"] for each in provenance if "resumed" in each]
    assert noted
    assert all(difference[0].endswith("is 99.0") for difference in noted)

    monkeypatch.setattr("runner.sweep_work.here", lambda plans: here(plans) | {"precision": "bfloat16"})
    store = whole.killed(n_steps, tmp_path / "other-precision")
    _, said = go_on(whole.sweep, store)
    assert "was made with another precision: the runs in it begin anew" in said[0]


def test_rows_that_the_store_lacks_are_not_made_up(
    whole: Uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.sweep_work.rows_until", lambda _store, _records: {})
    store = whole.killed(NEIGHBOUR_ENDED, tmp_path / "store")
    outcome, said = go_on(whole.sweep, store)
    assert outcome.is_complete
    assert "these begin anew" in said[0]
    runs = store.snapshot().runs().set_index("run_id")
    for run_id, row in runs[runs["status"] == "finished"].iterrows():
        assert len(store.snapshot().curves([str(run_id)], "train_loss")) == row["max_steps"]


def test_what_was_logged_is_told_again_in_its_order(whole: Uninterrupted) -> None:
    finished = whole.store.snapshot().runs().query("status == 'finished'")["run_id"].iloc[0]
    steps = by_step(whole.store.snapshot().logged([finished]))
    losses = [(step, values["train_loss"]) for step, values in steps if "train_loss" in values]
    assert [step for step, _ in losses] == list(range(len(losses)))
    held_out = [(place, step) for place, (step, values) in enumerate(steps) if "eval_loss" in values]
    assert held_out[0] == (0, 0)
    assert all(steps[place - 1][0] == step - 1 for place, step in held_out[1:])
    tokens = [values["tokens_seen"] for _, values in steps if "train_loss" in values]
    assert tokens == sorted(set(tokens))


def test_a_checkpoint_that_cannot_be_written_ends_nothing(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    sweep = prepared(tmp_path, spec_text(tiny_model_folder, pairs_file, EVERY_8))
    store = Store.open(tmp_path / "store", create=True)
    (Path(store.location) / "checkpoints").write_text("in the way")
    outcome, said = go_on(sweep, store)
    assert outcome.is_complete
    assert "no checkpoint was written (Not a directory); the one before stays" in said


def test_a_full_disk_ends_the_sweep_in_a_sentence_and_it_goes_on_later(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = prepared(tmp_path, spec_text(tiny_model_folder, pairs_file, "checkpoint: false"))
    store, append, n_appended = Store.open(tmp_path / "store", create=True), Store.append, 0

    def full(self: Store, **rows: object) -> None:
        nonlocal n_appended
        n_appended += 1
        if n_appended > 4:
            raise StoreError("cannot append to the table: No space left on device (os error 28)")
        append(self, **rows)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Store, "append", full)
        with pytest.raises(EnvironmentProblem, match=r"its disk is full: make room\. What was stored"):
            go_on(sweep, store)
    assert not shelf_of(store).folder.exists()
    assert go_on(sweep, store)[0].is_complete


def test_a_disk_without_room_for_an_adapter_ends_the_sweep_in_a_sentence_and_it_goes_on_later(
    whole: Uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store.open(tmp_path / "store", create=True)
    with monkeypatch.context() as patched:
        patched.setattr("runner.training.adapter_files._write", full)
        with pytest.raises(EnvironmentProblem, match=r"its disk is full: make room\..*cannot write the adapter"):
            go_on(whole.sweep, store)
    assert caplog.text == ""  # no traceback
    assert go_on(whole.sweep, store)[0].is_complete
    check_same(store, tables(whole.store))


@pytest.mark.parametrize("allocate", [bytearray, partial(torch.empty, dtype=torch.uint8)], ids=["python", "torch"])
def test_memory_that_runs_out_outside_a_step_is_a_sentence(
    whole: Uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allocate: Callable[[int], object]
) -> None:
    def out_of_memory(*_arguments: object, **_options: object) -> None:
        allocate(2**50)

    store = Store.open(tmp_path / "store", create=True)
    with monkeypatch.context() as patched:
        patched.setattr("runner.training.trainer.TrialState", out_of_memory)
        with pytest.raises(
            EnvironmentProblem, match=r"this machine's memory ran out; lower pack, training\.max_length"
        ):
            go_on(whole.sweep, store)
    with monkeypatch.context() as patched:
        patched.setattr("runner.training.session.load_model", out_of_memory)
        with pytest.raises(EnvironmentProblem, match="this machine's memory ran out"):
            go_on(whole.sweep, store)


def test_memory_that_ran_out_is_noted_and_stays_so_after_going_on(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = prepared(tmp_path, spec_text(tiny_model_folder, pairs_file))  # none is due by time
    store, view = Store.open(tmp_path / "store", create=True), Watcher()
    monkeypatch.setattr(SmallMemory, "most_tokens", 70)
    with monkeypatch.context() as patched:
        patched.setattr("runner.training.session.PackedModel", SmallMemory)
        run_sweep(sweep, store, view=view, should_stop=lambda: view.n_steps >= 9)
    outcome, said = go_on(sweep, store)
    assert outcome.is_complete
    assert any("3 trials at once, at most 64 tokens a pass" in text for text in said)
    reasons = store.snapshot().runs()["status_reason"].dropna()
    noted = reasons[reasons.str.startswith("out of memory: micro-batches of at most 64 tokens")]
    assert len(noted) == (store.snapshot().runs()["status"] == "finished").sum() > 3  # those that began later, too


def test_adapters_on_the_way_are_scored_as_if_there_had_been_no_kill(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    (tmp_path / "own.jsonl").write_text('{"prompt": "1+2=", "choices": ["3", "4"], "gold": 0}\n' * 3)
    evaluate = f"{EVERY_8}\nevaluate: {{benchmarks: ./own.jsonl, at: [50%, end]}}"
    sweep = prepared(tmp_path, spec_text(tiny_model_folder, pairs_file, evaluate))
    store, image = Store.open(tmp_path / "store", create=True), tmp_path / "killed"

    def watch(n_steps: int, _progress: SweepProgress) -> None:
        if n_steps == 40:  # a run of 12 steps has kept its adapter of the sixth, before the checkpoint after eight
            shutil.copytree(store.location, image)

    assert run_sweep(sweep, store, view=Watcher(watch)).is_complete
    killed = Store.open(image)
    assert go_on(sweep, killed)[0].is_complete
    scores = [
        each.snapshot().evals()[["run_id", "step", "metric", "score"]].sort_values(["run_id", "step", "metric"])
        for each in (store, killed)
    ]
    assert len(scores[0]) > 4
    assert scores[0].to_numpy().tolist() == scores[1].to_numpy().tolist()
    check_same(killed, tables(store))
