"""Task files of lm-evaluation-harness over local items, for the tests."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from runner.evaluation.harness.settings import HarnessSettings

CHOICE, TEXT, WRITE, DRAW, GROUP = "tiny_choice", "tiny_text", "tiny_write", "tiny_draw", "tiny_group"


def choice_items(n: int = 24) -> list[dict[str, Any]]:
    """Questions with choices of different lengths, so that acc and acc_norm differ."""
    rng = random.Random(3)  # noqa: S311
    words = ["a", "it", "Rome", "seven", "in the end", "nothing at all", "yes", "an answer that goes on and on"]
    return [
        {"query": f"What is {rng.randint(10, 99)} {rng.choice('abc')}?", "choices": rng.sample(words, 4), "gold": i % 4}
        for i in range(n)
    ]


def question(number: int) -> str:
    """What is asked of a model that writes."""
    return f"{number} and {number} make"


def write_tasks(folder: Path, answers: Sequence[str] = ("42",) * 10) -> Path:
    """Writes four tasks and a group of one of them to `folder` and returns it.

    Args:
        folder: Where to.
        answers: The right answers of what is to be written.
    """
    _task(
        folder,
        CHOICE,
        choice_items(),
        output_type="multiple_choice",
        doc_to_text="{{query}}",
        doc_to_choice="choices",
        doc_to_target="gold",
        metric_list=[{"metric": "acc"}, {"metric": "acc_norm"}],
        fewshot_split="test",
        metadata={"version": 1.0},
    )
    texts = [f"The {word} of item {i}: " + "lorem ipsum " * i for i, word in enumerate(["end", "top", "sum", "é"])]
    _task(
        folder,
        TEXT,
        [{"text": text} for text in texts],
        output_type="loglikelihood_rolling",
        doc_to_text="",
        doc_to_target="{{text}}",
        metric_list=[{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
        metadata={"version": 2.0},
    )
    written = [{"question": question(i), "answer": answer} for i, answer in enumerate(answers)]
    shared: Mapping[str, object] = {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "exact_match"}],
        "filter_list": [
            {"name": "whole", "filter": [{"function": "take_first"}]},
            {
                "name": "digit",
                "filter": [{"function": "regex", "regex_pattern": "([0-9])"}, {"function": "take_first"}],
            },
        ],
    }
    greedy = {"until": ["X", "q"], "max_gen_toks": 12, "do_sample": False}
    _task(folder, WRITE, written, **shared, generation_kwargs=greedy)
    drawn = {"until": ["\n"], "max_gen_toks": 8, "do_sample": True, "temperature": 1.0, "top_k": 0}
    _task(folder, DRAW, written, **shared, generation_kwargs=drawn, repeats=2)
    group = {
        "group": GROUP,
        "task": [CHOICE],
        "aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}],
        "metadata": {"version": 1.0},
    }
    (folder / "group.yaml").write_text(yaml.safe_dump(group))
    return folder


def _task(folder: Path, name: str, items: Sequence[Mapping[str, object]], **settings: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    items_file = folder / f"{name}.jsonl"
    items_file.write_text("".join(json.dumps(item) + "\n" for item in items))
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(items_file)}},
        "test_split": "test",
        **settings,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))


def write_task(folder: Path, **changes: Any) -> HarnessSettings:  # noqa: ANN401
    """Writes the task `mine` over one local item and returns settings that find it."""
    folder.mkdir(exist_ok=True)
    items = folder / "items.jsonl"
    items.write_text(json.dumps({"q": "1 + 1 =", "c": ["2", "3"], "a": 0}) + "\n")
    config = {
        "task": "mine",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(items)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "c",
        "doc_to_target": "a",
        **changes,
    }
    text = yaml.safe_dump(config).replace("'!function ", "!function '")
    (folder / "mine.yaml").write_text(text)
    return HarnessSettings(include_paths=(folder,))
