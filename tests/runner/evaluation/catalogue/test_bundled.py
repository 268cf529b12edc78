import platform
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from runner.data import load_dataset
from runner.data.examples import Message
from runner.data.skills import SKILLS, skill_examples
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue import expand_names, first_items, list_benchmarks, load_benchmarks
from runner.evaluation.catalogue.distractors import choices_for
from runner.evaluation.catalogue.names import ALIASES
from runner.evaluation.catalogue.skills import N_ITEMS, held_out_tasks
from runner.spec.dataset import DatasetSection

DOCS = Path(__file__).parents[4] / "docs" / "benchmarks" / "README.md"
DOCUMENTED_PYTHON = "3.11.7"


def load(name: str) -> Benchmark:
    [benchmark] = load_benchmarks([name])
    return benchmark


@pytest.mark.parametrize("family", SKILLS)
def test_skills_are_fresh_questions_in_both_forms(family: str) -> None:
    trained = {example.prompt for example in skill_examples()}
    choice, generation = load(f"skills-{family}"), load(f"skills-{family}-gen")
    assert len(choice.items) == len(generation.items) == N_ITEMS
    assert [item.prompt for item in choice.items] == [item.prompt for item in generation.items]
    assert len({item.prompt for item in choice.items}) == N_ITEMS
    # In neither part of the data set, so not in training whatever share a sweep holds out.
    assert not trained & {item.prompt for item in choice.items}
    assert {item.family for item in choice.items} == {family}


def test_the_questions_are_put_as_the_data_set_would_put_them() -> None:
    for family in SKILLS:
        examples = [task.example() for task in held_out_tasks() if task.skill == family]
        items = load(f"skills-{family}").items
        assert [(item.prompt, item.choices[item.gold]) for item in items] == [
            (example.prompt, example.completion) for example in examples
        ]


def test_exactly_one_of_four_choices_is_right_and_no_two_are_equal() -> None:
    for task in held_out_tasks():
        choices, gold = choices_for(task)
        assert len(choices) == 4
        assert [task.check(choice) for choice in choices] == [place == gold for place in range(4)]
        for place, choice in enumerate(choices):
            equal = [replace(task, answer=choice).check(other) for other in choices]
            assert equal == [place == other for other in range(4)], choices
            assert choice.strip() == choice != ""


def test_the_right_choice_may_stand_anywhere() -> None:
    places = Counter(choices_for(task)[1] for task in held_out_tasks())
    assert min(places.values()) > len(held_out_tasks()) / 4 * 0.85


def test_docstrings_are_the_held_out_ones_as_training_measures_them() -> None:
    dataset = load_dataset(DatasetSection(builtin="stdlib-docstrings"))
    texts = load("docstrings-bpb")
    measured = dataset.evaluation_examples(200)
    assert [(item.prompt, item.choices[0]) for item in texts.items] == [
        (one.prompt, one.completion) for one in measured
    ]
    assert not {item.prompt for item in texts.items} & {one.prompt for one in dataset.train}


def test_docstrings_are_chosen_among_held_out_ones_of_similar_length() -> None:
    dataset = load_dataset(DatasetSection(builtin="stdlib-docstrings"))
    held_out = {example.completion for example in dataset.held_out}
    own = {example.prompt: example.completion for example in dataset.held_out}
    items = load("docstrings-choice").items
    assert len({item.prompt for item in items}) == len(items) == 150
    for item in items:
        assert len({choice.lower().strip(". ") for choice in item.choices}) == 4
        assert set(item.choices) <= held_out
        right = item.choices[item.gold]
        assert own[item.prompt] == right  # type: ignore[index]
        assert all(abs(len(choice) - len(right)) <= max(10, 0.15 * len(right)) for choice in item.choices), item.choices


def test_chance_levels_and_metrics() -> None:
    assert load("skills-dates").chance_level == 0.25
    assert list(load("skills-dates").metrics) == ["acc", "acc_per_token", "acc_per_byte", "acc_unconditional"]
    assert load("docstrings-bpb").metrics == {"bits_per_byte": "min", "perplexity": "min"}
    assert load("docstrings-bpb").chance_level is None
    assert load("skills-json-gen").metrics == {"correct": "max"}


def test_short_names_stand_for_several_and_each_is_taken_once() -> None:
    assert expand_names(["skills"]) == tuple(f"skills-{family}" for family in SKILLS)
    assert expand_names(["skills-json", "skills", "skills-json"])[0] == "skills-json"
    assert len(expand_names(["skills", "skills-gen", "stdlib-docstrings"])) == 14 == len(list_benchmarks())
    assert {name for names in ALIASES.values() for name in names} == {one.name for one in list_benchmarks()}


def test_an_unknown_name_gets_the_nearest_and_the_sorted_list() -> None:
    with pytest.raises(ConfigError) as caught:
        load_benchmarks(["skill-arithmetic"])
    message = str(caught.value)
    assert message.startswith("unknown benchmark 'skill-arithmetic'; did you mean 'skills-arithmetic'? valid are ")
    listed = message.split("valid are ")[1].split(", and paths")[0].split(", ")
    assert listed == sorted({*(one.name for one in list_benchmarks()), *ALIASES})
    assert message.count("\n") == 0


def test_fewer_items_are_another_benchmark_by_digest() -> None:
    whole = load("skills-json")
    part = first_items(whole, 10)
    assert part.items == whole.items[:10]
    assert part.digest != whole.digest
    assert first_items(whole, 10_000) == whole
    with pytest.raises(ValueError, match="at least one item"):
        first_items(whole, 0)


def test_digests_cover_what_is_asked() -> None:
    whole = load("skills-json")
    assert len({one.load().digest for one in list_benchmarks()}) == 14
    assert all(isinstance(turn, Message) for turn in whole.items[0].prompt)
    assert len({item.item_id for item in whole.items}) == len(whole.items)


def test_the_documented_table_is_what_the_code_has() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|(.+ `[0-9a-f]{16}`) \|$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = {name: [cell.strip(" `") for cell in cells.split("|")] for name, cells in rows}
    assert list(documented) == [one.name for one in list_benchmarks()]
    for one in list_benchmarks():
        benchmark = one.load()
        form, n_items, chance, metric, better, digest = documented[one.name]
        assert form == benchmark.form
        assert n_items == str(len(benchmark.items))
        assert chance == ("–" if benchmark.chance_level is None else f"{benchmark.chance_level:g}")
        first, direction = next(iter(benchmark.metrics.items()))
        assert (metric, better) == (first, {"max": "higher", "min": "lower"}[direction])
        if one.name.startswith("skills") or platform.python_version() == DOCUMENTED_PYTHON:
            assert digest == benchmark.digest


def test_stdlib_benchmarks_say_which_python_their_items_are_from() -> None:
    assert platform.python_version() in load("docstrings-bpb").source
    assert platform.python_version() in load("docstrings-choice").source


@pytest.mark.slow
def test_digests_are_the_same_in_another_process_with_another_hash_seed() -> None:
    script = (
        "from runner.evaluation.catalogue import list_benchmarks\n"
        "import sys\n"
        "print(*(one.load().digest for one in list_benchmarks()))\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    environment = {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.split() == [one.load().digest for one in list_benchmarks()]
