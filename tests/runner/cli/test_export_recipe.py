"""`ucurve export-recipe`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.recipes.render import FORMATS
from analysis.store import Store
from runner.spec.load import load_sweep_spec
from tests import synthetic
from tests.runner.cli.calling import Caller
from tests.runner.cli.test_docs import _keys, _section

RUN = synthetic.sweep_runs()[0]


def test_a_run_is_printed_as_a_sweep_file(ucurve: Caller, sweep_store: Store) -> None:
    answer = ucurve("export-recipe", RUN.run_id, "--store", sweep_store.location)
    assert answer.code == 0
    written = yaml.safe_load(answer.out)
    assert written["training"]["learning_rate"] == RUN.learning_rate
    assert written["budget"] == {"steps": synthetic.N_STEPS}
    assert "settings translated" in answer.err


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_written(name: str, ucurve: Caller, sweep_store: Store, tmp_path: Path) -> None:
    target = tmp_path / "recipe"
    answer = ucurve("export-recipe", RUN.run_id, "--format", name, "--store", sweep_store.location, "-o", target)
    assert (answer.code, answer.out) == (0, "")
    assert target.is_dir() is (name == "peft")
    again = ucurve("export-recipe", RUN.run_id, "--format", name, "--store", sweep_store.location, "--json").json
    assert isinstance(again, dict)
    files = {file.name: file.read_text() for file in target.iterdir()} if target.is_dir() else target.read_text()
    assert again["files"] == files or list(again["files"].values()) == [files]


def test_the_best_one_is_of_the_lowest_seed_and_has_its_caveats(
    ucurve: Caller, sweep_store: Store, tmp_path: Path
) -> None:
    place = ("--store", sweep_store.location, "--where", "batch_size=4")
    target = tmp_path / "best.yaml"
    found = _json(ucurve, "export-recipe", "--best", *place, "-o", target)
    winner = _json(ucurve, "best", *place)["winner"]
    assert found["trial_key"] == winner["trial_key"]
    assert load_sweep_spec(target).seeds == (min(winner["seeds"]),)
    rule = _json(ucurve, "best", *place)["rule"]
    assert found["caveats"][0].startswith("The probability that this configuration is the best is ")
    assert rule in found["caveats"]
    assert target.read_text().count("# ! ") >= len(found["caveats"])


def _json(ucurve: Caller, *arguments: object) -> Any:  # noqa: ANN401 - documents of any shape
    answer = ucurve(*arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_a_run_that_diverged_says_so(ucurve: Caller, sweep_store: Store) -> None:
    run = next(run for run in synthetic.sweep_runs() if run.status == "diverged")
    found = _json(ucurve, "export-recipe", run.run_id, "--store", sweep_store.location)
    assert found["caveats"] == ["The run is diverged: non-finite loss at step 7."]


def test_the_direction_decides_what_is_best(ucurve: Caller, sweep_store: Store) -> None:
    keys = {
        _json(ucurve, "export-recipe", "--best", "--direction", way, "--store", sweep_store.location)["run_id"]
        for way in ("min", "max")
    }
    assert len(keys) == 2


def test_every_json_key_is_documented(ucurve: Caller, sweep_store: Store) -> None:
    found = _json(ucurve, "export-recipe", RUN.run_id, "--store", sweep_store.location)
    listed = _json(ucurve, "export-recipe", "--list")
    files = set(found["files"])
    missing = {
        key for each in (found, listed) for key in _keys(each) if f"`{key}`" not in _section("ucurve export-recipe")
    }
    assert missing == files
    assert [each["format"] for each in listed["formats"]] == list(FORMATS)


def test_a_batch_is_split_as_asked(ucurve: Caller, sweep_store: Store) -> None:
    place = ("export-recipe", RUN.run_id, "--store", sweep_store.location, "--format", "trl")
    written = yaml.safe_load(ucurve(*place, "--devices", 2, "--per-device", 1).out)
    assert (written["per_device_train_batch_size"], written["gradient_accumulation_steps"]) == (1, RUN.batch_size // 2)
    refused = ucurve(*place, "--devices", 3)
    assert refused.code == 2
    assert "4 sequences cannot be split evenly into 3 device(s)" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Which run?"),
        ([RUN.run_id, "--best"], "Which run?"),
        (["nothing"], "no run 'nothing'"),
        ([RUN.run_id, "--where", "batch_size=4"], "choose among runs"),
        ([RUN.run_id, "--format", "nemo"], "no recipe format 'nemo'; choose among ucurve, trl"),
        (["--best", "--where", "batch_size=5"], "no best configuration"),
        ([RUN.run_id, "-o", "/dev/null/x"], "cannot be written"),
        ([RUN.run_id, "--devices", "0"], "--devices"),
    ],
)
def test_what_cannot_be_exported_is_said(ucurve: Caller, sweep_store: Store, arguments: list[str], words: str) -> None:
    answer = ucurve("export-recipe", *arguments, "--store", sweep_store.location)
    assert answer.code == 2
    assert words in answer.err
    assert not answer.out


def test_a_real_run_of_trl_goes_back_to_trl(ucurve: Caller, tmp_path: Path) -> None:
    """Every key that is written and that the run's own arguments have is the same there."""
    logs = Path(__file__).parents[2] / "analysis" / "importers" / "trainer" / "logs" / "sft-low"
    place = ("--store", tmp_path / "store")
    assert ucurve("import", "trainer", logs, *place).code == 0
    [run] = _json(ucurve, "runs", *place)
    logged = run["config"]
    written = yaml.safe_load(ucurve("export-recipe", run["run_id"], "--format", "trl", *place).out)
    both = {key for key in written if key in logged and logged[key] is not None} - {"output_dir", "optim"}
    split = {"per_device_train_batch_size", "gradient_accumulation_steps"}
    needed = {
        "learning_rate",
        "lr_scheduler_type",
        "adam_beta2",
        "max_grad_norm",
        "max_length",
        "seed",
        "max_steps",
        "bf16",
    }
    assert needed <= both
    assert {key: written[key] for key in both - split} == {key: logged[key] for key in both - split}
    assert math.prod(written[key] for key in split) == math.prod(logged[key] for key in split)


def test_runs_that_do_not_compare_have_no_best(ucurve: Caller, tmp_path: Path) -> None:
    store = synthetic.fill(Store.open(tmp_path / "two", create=True))
    moved = [{**run.row, "run_id": f"other-{n}", "dataset": "skills"} for n, run in enumerate(synthetic.sweep_runs())]
    metrics = [row._replace(run_id=f"other-{n}") for n, run in enumerate(synthetic.sweep_runs()) for row in run.metrics]
    store.append(runs=moved, metrics=metrics)
    answer = ucurve("export-recipe", "--best", "--store", store.location)
    assert answer.code == 2
    assert "2 groups that do not compare" in answer.err
    assert _json(ucurve, "export-recipe", "--best", "--where", "dataset=skills", "--store", store.location)
