from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analysis.errors import ConfigError
from runner.queue.order import checked_order, count_runs, order_of, read_order
from runner.spec import load_sweep_spec, parse_sweep_spec

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.yaml"))
HEAD = "name: tiny\nmodel: smollm2-135m\ndataset: skills\nbudget: {steps: 10}\n"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_order_says_what_the_example_says(file: Path) -> None:
    spec = load_sweep_spec(file)
    order = read_order(file)
    assert checked_order(order) == spec
    assert order.sweep_id == spec.name


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize(
    "text",
    [
        "axes: {learning_rate: [1e-4]}\nevaluation: {every: null}\ntraining: {clip_norm: null}\n",
        "axes: {learning_rate: {around: recommended, points: 5, decades: 0.5}, lora_rank: [8, 16]}\nseeds: [3, 1]\n",
        "axes: {learning_rate: {log: [1e-5, 1e-2], points: 4}, target_modules: [attention, [q_proj, v_proj]]}\n",
        'axes: {learning_rate: [1e-4]}\ntrack: {wandb: offline, project: "1e-4", tags: ["no", "null", "ä: \\n"]}\n',
        "axes: {learning_rate: [1e-4]}\nevaluate: {benchmarks: skills, at: [50%, end]}\npack: auto\n",
    ],
)
def test_the_text_of_an_order_reads_back_as_the_same_sweep(text: str) -> None:
    spec = parse_sweep_spec(HEAD + text)
    order = order_of(spec)
    assert checked_order(order) == spec
    assert order_of(checked_order(order)) == order
    assert order.spec != HEAD + text


def test_two_ways_to_write_a_sweep_are_one_order() -> None:
    short = parse_sweep_spec(HEAD + "axes: {learning_rate: [1e-4, 0.001]}\nseeds: 2\n")
    long = parse_sweep_spec(
        "# the same\nbudget:\n  steps: 10\nseeds: [0, 1]\naxes:\n  learning_rate:\n    values: [0.0001, 1e-3]\n"
        "dataset: {builtin: skills}\nmodel: {id: smollm2-135m}\nname: tiny\ntraining: {batch_size: 8}\n"
    )
    assert order_of(short) == order_of(long)


def test_relative_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "model: ./model\ndataset: {path: a.jsonl, held_out: b.jsonl}\nbudget: {steps: 1}\n"
        "axes: {learning_rate: [1e-3]}\nevaluate: {benchmarks: [./c.jsonl]}\n"
    )
    (tmp_path / "c.jsonl").touch()
    order = read_order(file)
    values = yaml.safe_load(order.spec)
    assert order.sweep_id == values["name"] == "mine"
    assert values["model"]["id"] == str(tmp_path / "model")
    assert values["dataset"] == {"path": str(tmp_path / "a.jsonl"), "held_out": str(tmp_path / "b.jsonl")}
    assert values["evaluate"]["benchmarks"] == [str(tmp_path / "c.jsonl")]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("dataset: skills", "dataset: ./a.jsonl"), "dataset.path"),
        (("dataset: skills", "dataset: {builtin: skills, held_out: b.jsonl}"), "dataset.held_out"),
        (("model: smollm2-135m", "model: ../m"), "model.id"),
        (("model: smollm2-135m", "model: ~/m"), "model.id"),
    ],
)
def test_a_path_that_nobody_can_anchor_is_refused(change: tuple[str, str], key: str) -> None:
    spec = parse_sweep_spec(HEAD.replace(*change) + "axes: {learning_rate: [1e-4]}\n")
    with pytest.raises(ConfigError, match=rf"tiny: {key}: .* is relative, and a worker runs elsewhere; write"):
        order_of(spec)


@pytest.mark.parametrize(
    ("axes", "seeds", "n_runs"),
    [
        ("{learning_rate: [1e-4, 1e-3]}", 1, 2),
        ("{learning_rate: {around: recommended}}", 2, 14),
        ("{learning_rate: {log: [1e-4, 1e-2], points: 5}, lora_rank: {log: [1, 2], points: 9}}", 3, 30),
    ],
)
def test_runs_are_counted_without_model_and_data(axes: str, seeds: int, n_runs: int) -> None:
    text = f"name: a\nmodel: m\ndataset: skills\naxes: {axes}\nseeds: {seeds}\nbudget: {{steps: 1}}\n"
    assert count_runs(parse_sweep_spec(text)) == n_runs


def test_too_many_runs_are_refused_before_anything_waits_for_them() -> None:
    axes = "{learning_rate: {log: [1e-5, 1e-2], points: 200}, lora_alpha: {linear: [1, 100], points: 100}}"
    with pytest.raises(ConfigError, match="tiny: the grid has 20000 runs, more than 10000; shorten an axis"):
        order_of(parse_sweep_spec(f"{HEAD}axes: {axes}\n"))


def test_the_queue_needs_no_torch() -> None:
    code = (
        "import sys, json, runner.queue.queue, runner.queue.order, runner.cli.submit, runner.cli.queue\n"
        "print(json.dumps([name for name in ('torch', 'transformers', 'streamlit') if name in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    assert json.loads(said.stdout) == []


@pytest.mark.parametrize("secret", ["hf_" + "Canary3Tag4" * 4, "password=c4nary-gr0up", "known-t0-this-pr0cess"])
def test_a_secret_in_a_sweep_is_refused_before_anybody_sees_it(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("HUB_TOKEN", "known-t0-this-pr0cess")
    track = f"axes: {{learning_rate: [1e-3]}}\ntrack: {{wandb: offline, project: p, tags: [{secret!r}]}}\n"

    with pytest.raises(ConfigError, match="track: something in it looks like a key") as refusal:
        order_of(parse_sweep_spec(HEAD + track))
    assert secret not in str(refusal.value)
