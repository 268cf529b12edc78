from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import NotEnoughRuns
from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.recipes.config_keys import SPEC_KEY
from analysis.store import Store
from analysis.strict_yaml.write import to_yaml
from runner.data.dataset import Dataset
from runner.data.examples import Example
from runner.drafts.past import past_sweep
from runner.drafts.suggest import free_name, next_rates, rates_around, suggest_sweep
from runner.drafts.templates import Template, read_templates
from runner.drafts.values import spec_values
from runner.run_rows import planned_row
from runner.spec.load import parse_sweep_spec
from runner.spec.plan import SequenceStats, make_plan
from runner.spec.schema import SweepSpec
from tests.pages.stores import FakeRun, mixed, write_store

STATS = SequenceStats(n_train=100, n_evaluated=10, mean_tokens=50, mean_trained_tokens=20)
EXAMPLES = (Example((), "a"), Example((), "b"))


def _rows(spec: SweepSpec, provenance: Mapping[str, object] | None = None) -> pd.DataFrame:
    """The runs of a sweep as the store would show them, before they start."""
    dataset = Dataset(spec.dataset.name, EXAMPLES, EXAMPLES)
    plan = make_plan(spec.name, spec.trials(dataset), lambda _trial: STATS)
    rows = [
        planned_row(each, sweep_id=spec.name, dataset=dataset, stats=STATS, tokenizer_id="t", model_config={})
        for each in plan.trials
    ]
    return pd.DataFrame(rows).assign(provenance_json=json.dumps(provenance) if provenance else None)


def _run_ids(spec: SweepSpec) -> set[str]:
    return {trial.run_id for trial in spec.trials(Dataset(spec.dataset.name, EXAMPLES, EXAMPLES))}


BUILT_IN = [template for template in read_templates() if "path:" not in template.text]


@pytest.mark.parametrize("template", BUILT_IN, ids=lambda template: template.title)
def test_a_sweep_made_of_configurations_trains_the_same_runs(template: Template) -> None:
    spec = parse_sweep_spec(template.text)
    past = past_sweep(_rows(spec), spec.name)
    assert past.notes == ()
    assert _run_ids(parse_sweep_spec(to_yaml(past.values))) == _run_ids(spec)


FULL = """
name: everything
model: smollm2-135m
dataset: skills
axes:
  learning_rate: {log: [1e-4, 1e-2], points: 3}
  target_modules: [all, attention, [q_proj, v_proj]]
  clip_norm: [1.0, null]
  schedule: [linear, cosine]
seeds: [3, 5]
budget: {epochs: 1.5}
training: {warmup_steps: 4, lora_alpha: 12.5, loss_on: all, precision: float32}
evaluation: {every: null, at_start: false}
"""


def test_every_kind_of_setting_comes_back() -> None:
    spec = parse_sweep_spec(FULL)
    past = past_sweep(_rows(spec), spec.name)
    again = parse_sweep_spec(to_yaml(past.values))
    assert _run_ids(again) == _run_ids(spec)
    assert "all" in str(past.values["axes"])


def test_the_file_that_was_kept_is_taken_as_it_was() -> None:
    spec = parse_sweep_spec(FULL)
    kept = {SPEC_KEY: spec.model_dump(mode="json", exclude_unset=True)}
    past = past_sweep(_rows(spec, kept), spec.name)
    assert past.values == spec_values(spec)
    assert parse_sweep_spec(to_yaml(past.values)) == spec


def test_a_kept_file_of_another_sweep_is_not_taken() -> None:
    spec = parse_sweep_spec(FULL)
    kept = {SPEC_KEY: {**spec.model_dump(mode="json", exclude_unset=True), "name": "other", "seeds": [9]}}
    assert past_sweep(_rows(spec, kept), spec.name).values["seeds"] == [3, 5]


@pytest.mark.parametrize("damaged", ["{", "[]", '{"sweep_file": 3}', "[" * 100_000])
def test_damaged_provenance_is_no_problem(damaged: str) -> None:
    spec = parse_sweep_spec(FULL)
    assert past_sweep(_rows(spec).assign(provenance_json=damaged), spec.name).values["seeds"] == [3, 5]


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    runs = [FakeRun(learning_rate=rate, batch_size=size) for rate, size in ((1e-4, 8), (1e-3, 16))]
    rows = Store.open(write_store(tmp_path / "store", runs)).snapshot().runs()
    rows["dataset"] = "mine"
    rows["config_json"] = [json.dumps({**json.loads(text), "dataset": "mine"}) for text in rows["config_json"]]
    past = past_sweep(rows, "demo-a")
    assert "no full grid" in past.notes[0]
    assert "4 combinations" in past.notes[0]
    assert "'mine'" in past.notes[1]
    parse_sweep_spec(to_yaml(past.values))


def test_values_that_do_not_fit_are_left_out_and_said(tmp_path: Path) -> None:
    rows = Store.open(write_store(tmp_path / "store", [FakeRun(learning_rate=1e-4)])).snapshot().runs()
    rows["config_json"] = [json.dumps({**json.loads(text), "lora_rank": 9999}) for text in rows["config_json"]]
    past = past_sweep(rows, "demo-a")
    assert "lora_rank" not in str(past.values)
    assert "lora_rank" in past.notes[0]


def test_runs_without_a_learning_rate_make_no_sweep(tmp_path: Path) -> None:
    rows = Store.open(write_store(tmp_path / "store", [FakeRun(learning_rate=1e-4)])).snapshot().runs()
    rows["learning_rate"] = float("nan")
    rows["config_json"] = "{}"
    with pytest.raises(NotEnoughRuns, match="learning rate"):
        past_sweep(rows, "demo-a")


@pytest.fixture
def shown(tmp_path: Path) -> tuple[list[LrCurve], pd.DataFrame]:
    store = Store.open(write_store(tmp_path / "store", [run for run in mixed() if run.learning_rate < 3e-4]))
    snapshot = store.snapshot()
    return compute_lr_curves(snapshot.results("eval_loss"), metric="eval_loss", direction="min"), snapshot.runs()


def test_a_suggestion_is_the_curves_sweep_with_what_it_asks_for(shown: tuple[list[LrCurve], pd.DataFrame]) -> None:
    curves, runs = shown
    curve = next(curve for curve in curves if curve.next_learning_rates and curve.group["batch_size"] == 16)
    values = suggest_sweep(curve, runs, "next", taken={"demo-a-next"}).values
    spec = parse_sweep_spec(to_yaml(values))
    assert spec.name == "demo-a-next-2"
    assert spec.training.batch_size == 16
    assert spec.axes["learning_rate"].values == pytest.approx(next_rates(curve))
    assert spec.axes.keys() == {"learning_rate"}
    assert spec.seeds == (0, 1)


def test_a_refinement_lies_around_the_best_with_seeds(shown: tuple[list[LrCurve], pd.DataFrame]) -> None:
    curves, runs = shown
    values = suggest_sweep(curves[0], runs, "refine").values
    spec = parse_sweep_spec(to_yaml(values))
    rates = rates_around(curves[0])
    assert len(rates) == 5
    assert rates[2] == pytest.approx(curves[0].optimum_lr or curves[0].argmin_lr, rel=5e-3)
    assert spec.axes["learning_rate"].values == pytest.approx(rates)
    assert len(spec.seeds) == 3


def test_a_curve_that_asks_for_nothing_says_so(tmp_path: Path) -> None:
    snapshot = Store.open(write_store(tmp_path / "store", mixed())).snapshot()
    runs = snapshot.runs()
    curves = compute_lr_curves(snapshot.results("eval_loss"), metric="eval_loss", direction="min")
    satisfied = next(curve for curve in curves if not curve.next_learning_rates)
    with pytest.raises(NotEnoughRuns, match="no further learning rate"):
        suggest_sweep(satisfied, runs, "next")


@pytest.mark.parametrize("name", ["", "<b>", "../../x", "A" * 100, "_-x", "ü"])
def test_names_are_made_to_fit(name: str) -> None:
    assert parse_sweep_spec(
        f"name: {free_name(name, ())}\nmodel: a\ndataset: skills\nbudget: {{steps: 1}}\naxes: {{learning_rate: [1e-3]}}"
    )
