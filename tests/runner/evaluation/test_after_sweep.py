"""`evaluate:` in a sweep file, on a tiny model: what is scored when, and that training does not notice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from analysis.store import Store
from runner.errors import ConfigError
from runner.spec import load_sweep_spec
from runner.spec.evaluate import EvaluateSection
from runner.sweep import SweepOutcome, prepare_sweep, run_sweep
from runner.sweep_progress import NoView
from runner.training.adapter_files import adapter_folder

OWN = [
    {"prompt": f"{a}+{b}=", "choices": [str(a + b), str(a + b + 1), str(a + b + 3)], "gold": 0}
    for a in range(1, 6)
    for b in range(1, 6)
]


def write_spec(folder: Path, model: Path, data: Path, evaluate: str) -> Path:
    (folder / "own.jsonl").write_text("".join(json.dumps(item) + "\n" for item in [*OWN, {"prompt": "bad"}]))
    spec = folder / "tiny.yaml"
    spec.write_text(
        f"""
name: tiny
model: {model}
dataset: {{path: {data}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1e-2], batch_size: [2, 6]}}
budget: {{tokens: 120}}
training: {{precision: float32, lora_dropout: 0.1, lora_rank: 4}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: 3
{evaluate}
"""
    )
    return spec


def sweep(spec: Path, store: Store) -> SweepOutcome:
    return run_sweep(prepare_sweep(load_sweep_spec(spec)), store, view=NoView())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> tuple[Store, Store]:
    """The same sweep without and with benchmarks; read only."""
    made = []
    for name, evaluate in (("plain", ""), ("scored", "evaluate: {benchmarks: ./own.jsonl, at: [end, 50%]}")):
        folder = tmp_path_factory.mktemp(name)
        store = Store.open(folder / "store", create=True)
        outcome = sweep(write_spec(folder, tiny_model_folder, pairs_file, evaluate), store)
        assert outcome.is_complete
        assert (outcome.evaluation is None) == (not evaluate)
        made.append(store)
    return made[0], made[1]


def test_training_is_bit_equal_with_and_without_benchmarks(stores: tuple[Store, Store]) -> None:
    plain, scored = stores
    run_ids = plain.snapshot().runs()["run_id"].tolist()
    kept = ("run_id", "step", "name", "value")
    curves = [
        sorted(tuple(row[name] for name in kept) for row in store.snapshot().logged(run_ids).to_pylist())
        for store in stores
    ]
    assert curves[0] == curves[1]
    assert len(curves[0]) > 100
    for run_id in run_ids:
        one, other = (load_file(adapter_folder(s, run_id) / "adapter_model.safetensors") for s in (plain, scored))
        assert one.keys() == other.keys()
        assert all((one[name] == other[name]).all() for name in one)


def test_every_run_is_scored_at_every_moment_and_the_base_model_once(stores: tuple[Store, Store]) -> None:
    store = stores[1]
    runs = store.snapshot().runs().set_index("run_id")
    evals = store.snapshot().evals()
    assert set(evals["benchmark"]) == {"own"}
    assert set(evals["n_items"]) == {25}
    (base,) = [run_id for run_id in runs.index if run_id.startswith("base-")]
    steps = evals[evals["metric"] == "acc"].groupby("run_id")["step"].apply(sorted).to_dict()
    n_steps = runs["max_steps"].dropna().astype(int)
    assert steps == {base: [0], **{run_id: [max(1, round(n / 2)), n] for run_id, n in n_steps.items()}}
    assert store.check() == []


def test_the_adapter_at_a_part_is_the_one_of_that_step(stores: tuple[Store, Store]) -> None:
    store = stores[1]
    run_id = next(run_id for run_id in store.snapshot().runs()["run_id"] if not run_id.startswith("base-"))
    folders = sorted(path.name for path in adapter_folder(store, run_id).parent.iterdir())
    assert len(folders) == 2
    assert folders[0] == "adapter"
    parent = adapter_folder(store, run_id).parent
    final, part = (load_file(parent / name / "adapter_model.safetensors") for name in folders)
    assert any((final[name] != part[name]).any() for name in final if "lora_B" in name)
    assert all((part[name] != 0).any() for name in part if "lora_B" in name)  # it has learned something already


def test_a_second_call_does_nothing_and_a_lost_score_is_made_again(stores: tuple[Store, Store]) -> None:
    store = stores[1]
    spec = Path(store.location).parent / "tiny.yaml"
    before = store.snapshot().evals()
    outcome = sweep(spec, store)
    assert outcome.evaluation is not None
    assert (outcome.evaluation.n_scored, outcome.evaluation.n_skipped) == (0, 9)
    assert len(store.snapshot().evals()) == len(before)
    summary = outcome.to_json()["evaluation"]
    assert isinstance(summary, dict)
    assert summary["benchmarks"][0]["n_excluded"] == 1


def test_a_step_that_training_did_not_keep_is_said(tmp_path: Path, tiny_model_folder: Path, pairs_file: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    spec = write_spec(tmp_path, tiny_model_folder, pairs_file, "")
    spec.write_text(spec.read_text().replace("[1e-3, 1e-2]", "[1e-3]").replace("[2, 6]", "[6]"))
    sweep(spec, store)
    spec.write_text(spec.read_text() + "evaluate: {benchmarks: ./own.jsonl, at: [30%, end], max_items: 2}\n")
    outcome = sweep(spec, store)
    assert outcome.evaluation is not None
    assert not outcome.is_complete
    (left,) = outcome.evaluation.left_out
    assert "it was trained before the sweep file asked for it" in left.reason
    assert outcome.evaluation.n_scored == 2  # the base model and the end


def test_a_missing_benchmark_file_is_told_before_anything_is_trained(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    spec = write_spec(tmp_path, tiny_model_folder, pairs_file, "evaluate: {benchmarks: ./nothing.jsonl}")
    with pytest.raises(ConfigError, match=r"nothing\.jsonl: no such file"):
        prepare_sweep(load_sweep_spec(spec))


def test_parts_become_steps_of_each_trial() -> None:
    section = EvaluateSection(benchmarks=("skills",), at=("50%", "end", "0.1%"))
    assert section.part_steps(100) == (1, 50)
    assert section.part_steps(7) == (1, 4)
    assert section.part_steps(1) == ()


def test_the_sweeps_own_data_are_looked_through(stores: tuple[Store, Store]) -> None:
    rows = stores[1].snapshot().run_rows(stores[1].snapshot().runs()["run_id"].tolist())
    found = [json.loads(str(row["provenance_json"])).get("contamination") for row in rows.values()]
    assert sum(one is not None for one in found) == 4
    assert all(one["own"]["n_items"] == 25 for one in found if one)


def test_an_interrupted_evaluation_is_completed_by_the_same_command(
    tmp_path: Path, tiny_model_folder: Path, pairs_file: Path
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    wanted = "evaluate: {benchmarks: [./own.jsonl, skills-dates], max_items: 2}"
    spec = write_spec(tmp_path, tiny_model_folder, pairs_file, wanted)
    prepared = prepare_sweep(load_sweep_spec(spec))

    class Breaks(NoView):
        def scoring(self, progress: object) -> None:
            if getattr(progress, "benchmark", "") == "skills-dates":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(prepared, store, view=Breaks())
    assert set(store.snapshot().evals()["benchmark"]) == {"own"}
    outcome = run_sweep(prepared, store, view=NoView())
    assert outcome.is_complete
    assert outcome.n_skipped == 4
    assert set(store.snapshot().evals()["benchmark"]) == {"own", "skills-dates"}
