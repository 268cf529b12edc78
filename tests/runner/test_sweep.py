"""A whole sweep on a tiny model, through the functions that the command line calls."""

import json
import math
from pathlib import Path

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from analysis.store import Store, artifact_dir
from analysis.strict_yaml.write import to_yaml
from runner.drafts.past import past_sweep
from runner.errors import ConfigError, EnvironmentProblem, ModelError
from runner.spec import load_sweep_spec, parse_sweep_spec
from runner.sweep import SweepOutcome, prepare_sweep, run_sweep
from runner.sweep_lock import sweep_lock
from runner.sweep_progress import NoView


def sweep(spec_file: Path, store: Store, **options: object) -> SweepOutcome:
    return run_sweep(prepare_sweep(load_sweep_spec(spec_file)), store, view=NoView(), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Store:
    """The store after a whole sweep; read only."""
    folder = tmp_path_factory.mktemp("finished")
    spec = folder / "tiny.yaml"
    spec.write_text(
        f"""
model: {tiny_model_folder}
dataset: {{path: {pairs_file}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1e-2, 1.0], batch_size: [2, 6]}}
budget: {{tokens: 240}}
training: {{clip_norm: null, schedule: constant, warmup_steps: 0, precision: float32,
  lora_alpha: 65536, lora_rank: 1, weight_decay: 10}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: 4
"""
    )
    store = Store.open(folder / "store", create=True)
    outcome = sweep(spec, store)
    assert outcome.is_complete
    assert outcome.to_json()["n_runs"] == 6
    return store


def test_every_run_has_its_row_and_its_curve(finished: Store) -> None:
    runs = finished.snapshot().runs()
    assert len(runs) == 6
    assert set(runs["status"]) <= {"finished", "diverged"}
    assert set(runs["sweep_id"]) == {"tiny"}
    assert set(runs["learning_rate"]) == {1e-3, 1e-2, 1.0}
    assert (runs["trial_key"].nunique(), runs["attempt"].unique().tolist()) == (6, [1])
    done = runs[runs["status"] == "finished"]
    assert len(done) >= 2
    for _, run in done.iterrows():
        losses = finished.snapshot().curves([run["run_id"]], "train_loss")
        assert losses["step"].tolist() == list(range(run["max_steps"]))
        held_out = finished.snapshot().curves([run["run_id"]], "eval_loss")
        assert held_out["step"].iloc[0] == 0
        assert held_out["step"].iloc[-1] == run["max_steps"]
        assert run["tokens_seen"] == pytest.approx(240, rel=0.1)  # steps follow from the mean tokens of an example
        assert run["peak_memory_bytes"] > 0
        assert json.loads(run["provenance_json"])["precision"] == "float32"


def test_every_run_keeps_the_sweep_file_it_came_from(finished: Store) -> None:
    snapshot = finished.snapshot()
    runs = snapshot.runs()
    (sweep_id,) = set(runs["sweep_id"])
    values = past_sweep(runs, sweep_id).values
    spec = parse_sweep_spec(to_yaml(values))
    assert {plan.trial.run_id for plan in prepare_sweep(spec).plan.trials} == set(runs["run_id"])


def test_larger_batches_take_fewer_steps_at_a_token_budget(finished: Store) -> None:
    runs = finished.snapshot().runs()
    steps = runs.groupby("batch_size")["max_steps"].unique()
    assert steps[2].item() > 2 * steps[6].item()
    assert runs["batch_tokens"].min() * 3 == pytest.approx(runs["batch_tokens"].max())


def test_a_diverged_run_keeps_its_curve_and_says_when(finished: Store) -> None:
    runs = finished.snapshot().results("train_loss")
    diverged = runs[runs["status"] == "diverged"]
    assert len(diverged) > 0
    for _, run in diverged.iterrows():
        assert run["status_reason"].startswith("non-finite")
        curve = finished.snapshot().curves([run["run_id"]], "train_loss")
        assert f"at step {curve['step'].iloc[-1]}" in run["status_reason"] or "held-out" in run["status_reason"]


def test_adapters_load_in_peft_and_give_the_logged_loss(finished: Store, tiny_model_folder: Path) -> None:
    runs = finished.snapshot().results("eval_loss")
    run = runs[runs["status"] == "finished"].iloc[0]
    folder = artifact_dir(finished, run["run_id"]) / "adapter"
    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model_folder), folder).eval()
    spec_folder = Path(finished.location).parent
    prepared = prepare_sweep(load_sweep_spec(spec_folder / "tiny.yaml"))
    (data,) = prepared.tokenized.values()
    nll = sum(
        torch.nn.functional.cross_entropy(
            model(input_ids=torch.tensor([e.token_ids])).logits[0], torch.tensor(e.labels), reduction="sum"
        ).item()
        for e in data.held_out
    )
    n_scored = sum(e.n_scored for e in data.held_out)
    assert run["value"] == pytest.approx(nll / n_scored, rel=1e-4)
    bits = finished.snapshot().results("eval_bpb").set_index("run_id").loc[run["run_id"], "value"]
    n_bytes = sum(e.n_bytes for e in data.held_out)
    assert bits == pytest.approx(nll / math.log(2) / n_bytes, rel=1e-4)


def test_a_second_run_of_the_same_file_trains_nothing(finished: Store) -> None:
    before = finished.snapshot()
    outcome = sweep(Path(finished.location).parent / "tiny.yaml", finished)
    assert (outcome.n_skipped, outcome.counts.total()) == (6, 0)
    assert len(finished.snapshot().curves(before.runs()["run_id"].tolist(), "train_loss")) == len(
        before.curves(before.runs()["run_id"].tolist(), "train_loss")
    )


def test_stop_keeps_what_finished_and_a_rerun_completes(spec_file: Path, store: Store) -> None:
    calls = 0

    def after_some_steps() -> bool:
        nonlocal calls
        calls += 1
        return calls > 16

    outcome = sweep(spec_file, store, should_stop=after_some_steps)
    assert not outcome.is_complete
    statuses = store.snapshot().runs()["status"].value_counts()
    assert statuses["stopped"] == outcome.counts["stopped"] > 0
    assert set(statuses.index) <= {"stopped", "finished", "diverged"}
    ended = store.snapshot().runs().set_index("run_id")["status"]
    again = sweep(spec_file, store)
    assert again.is_complete
    assert again.n_skipped == (ended != "stopped").sum()
    runs = store.snapshot().runs().set_index("run_id")
    assert set(runs["status"]) <= {"finished", "diverged"}
    begun = ended[ended == "stopped"].index.intersection(store.snapshot().latest()["run_id"].tolist())
    assert runs.loc[begun, "attempt"].max() == 2


def test_two_processes_do_not_run_one_sweep(spec_file: Path, store: Store) -> None:
    with (
        sweep_lock(store.location, "tiny"),
        pytest.raises(EnvironmentProblem, match="'tiny' is being run by process"),
    ):
        sweep(spec_file, store)


def test_unknown_target_modules_name_the_valid_ones(spec_file: Path, store: Store) -> None:
    spec_file.write_text(spec_file.read_text().replace("training: {", "training: {target_modules: [c_attn], "))
    with pytest.raises(ConfigError, match=r"c_attn.*choose among down_proj, gate_proj"):
        sweep(spec_file, store)
    assert set(store.snapshot().runs()["status"]) == {"stopped"}


def test_missing_model_folder(spec_file: Path) -> None:
    spec_file.write_text(spec_file.read_text().replace("tiny-llama", "nothing-here"))
    with pytest.raises(ModelError, match=r"has no config\.json"):
        prepare_sweep(load_sweep_spec(spec_file))
