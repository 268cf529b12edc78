from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.data import load_dataset
from runner.errors import ConfigError
from runner.spec import SweepSpec, load_sweep_spec, parse_sweep_spec
from runner.spec.training import HYPERPARAMETERS
from tests.runner.spec.specs import SMALLEST, spec_of, spec_with_axes

EXAMPLES = Path(__file__).parents[3] / "examples"


def errors_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_sweep_spec(text, file="tiny.yaml")
    return str(caught.value).split("\n")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    assert load_sweep_spec(path).name == path.stem


def test_the_example_with_own_data_finds_it() -> None:
    spec = load_sweep_spec(EXAMPLES / "own_data.yaml")
    dataset = load_dataset(spec.dataset)
    assert (len(dataset.train), len(dataset.held_out)) == (9, 3)
    assert len(spec.trials(dataset)) == 5 * 2 * 2


def test_the_smallest_file_gets_all_defaults() -> None:
    spec = spec_of()
    assert spec.training.lora_rank == 8
    assert spec.training.learning_rate is None
    assert spec.seeds == (0,)
    assert spec.pack is None
    assert spec.evaluation.at_start is True


def test_the_name_of_the_file_is_the_name_of_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "first-try.yaml"
    path.write_text(SMALLEST.replace("name: tiny\n", ""))
    assert load_sweep_spec(path).name == "first-try"
    bad = path.rename(tmp_path / "First Try.yaml")
    with pytest.raises(ConfigError, match=r"'First Try' cannot be the sweep's name; add a line such as name: my-sweep"):
        load_sweep_spec(bad)


def mistakes() -> list[tuple[str, str]]:
    """Pairs of an edit and its exact message; an edit replaces the line with its key, or is added at the end."""
    cases = (Path(__file__).parent / "mistakes.txt").read_text().strip().split("\n\n")
    return [(edit.replace("\\n", "\n"), message) for edit, message in (case.split("\n") for case in cases)]


def edited(edit: str) -> str:
    key = edit.partition(":")[0]
    kept = [edit if line.startswith(f"{key}:") else line for line in SMALLEST.splitlines()]
    return "\n".join(kept if edit in kept else [*kept, edit])


@pytest.mark.parametrize(("edit", "message"), mistakes())
def test_a_mistake_names_file_line_key_value_and_fix(edit: str, message: str) -> None:
    assert errors_of(edited(edit)) == [message]


def test_what_is_missing_is_named() -> None:
    assert errors_of(SMALLEST.replace("model: smollm2-135m\n", "")) == [
        "tiny.yaml:1: model: is missing; add model: ..."
    ]


def test_an_unknown_axis_suggests_the_nearest_setting() -> None:
    [message] = errors_of(SMALLEST.replace("learning_rate:", "lerning_rate:"))
    assert message.startswith(
        "tiny.yaml:5: axes.lerning_rate: unknown axis 'lerning_rate'; did you mean 'learning_rate'?"
    )
    assert all(name in message for name in HYPERPARAMETERS)


def test_only_the_learning_rate_has_a_recommended_value() -> None:
    with pytest.raises(ConfigError, match=r"axes\.batch_size: only learning_rate has a recommended value"):
        spec_with_axes("learning_rate: [1e-4]\nbatch_size: {around: recommended}")


def test_a_sweep_without_a_learning_rate_says_how_to_get_one() -> None:
    text = "name: tiny\nmodel: m\ndataset: skills\nbudget: {steps: 1}\n"
    assert errors_of(text) == [
        "tiny.yaml:1: axes.learning_rate: no learning rate is given; "
        "add learning_rate: {around: recommended, decades: 1, points: 7} under axes"
    ]
    assert parse_sweep_spec(text + "training: {learning_rate: 1e-3}", file="tiny.yaml").axes == {}


def test_all_mistakes_are_listed_at_once_in_the_order_of_the_file() -> None:
    text = SMALLEST.replace("{steps: 10}", "{steps: 0}") + "pack: x\ntraining: {lora_rank: 0, lora_dropout: 1}\n"
    messages = errors_of(text)
    assert [message.split(": ")[1] for message in messages] == [
        "budget.steps", "pack", "training.lora_rank", "training.lora_dropout",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is empty"), ("- a", "holds no"), ("word", "holds no"), ("# x", "is empty")]
)
def test_a_file_without_keys_points_to_the_example(text: str, reason: str) -> None:
    [message] = errors_of(text)
    assert message.startswith(f"tiny.yaml: {reason}")
    assert message.endswith("start from examples/demo.yaml")


@pytest.mark.parametrize("section", ["training:", "evaluation:", "training: {}", "evaluation: {}"])
def test_a_section_with_nothing_in_it_is_all_defaults(section: str) -> None:
    assert spec_of(section) == spec_of()


def test_whole_floats_are_whole_numbers() -> None:
    spec = parse_sweep_spec(SMALLEST.replace("{steps: 10}", "{tokens: 2e5}"), file="tiny.yaml")
    assert spec.budget.tokens == 200_000
    assert spec_of("seeds: 3").seeds == (0, 1, 2)


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    text = SMALLEST.replace("dataset: skills", "dataset: {path: data/a.jsonl, held_out: data/b.jsonl}")
    path = tmp_path / "tiny.yaml"
    path.write_text(text.replace("model: smollm2-135m", "model: ./weights"))
    spec = load_sweep_spec(path)
    assert spec.dataset.path == tmp_path / "data/a.jsonl"
    assert spec.dataset.held_out == tmp_path / "data/b.jsonl"
    assert (spec.model.id, spec.model.name) == (str(tmp_path / "weights"), "weights")
    path.write_text(SMALLEST.replace("skills", "my.jsonl"))
    assert load_sweep_spec(path).dataset.path == tmp_path / "my.jsonl"


def test_short_forms_of_data_sets() -> None:
    assert spec_of().dataset.builtin == "skills"
    hub = parse_sweep_spec(SMALLEST.replace("skills", "hub:owner/set"), file="tiny.yaml").dataset
    assert (hub.hub, hub.name) == ("owner/set", "owner/set")


def test_a_spec_survives_its_own_json() -> None:
    spec = spec_with_axes(
        "learning_rate: {log: [1e-4, 1e-2], points: 3}\ntarget_modules: [all, attention]", "seeds: [3, 1]"
    )
    assert SweepSpec.model_validate(spec.model_dump(mode="json")) == spec


KEYS = st.sampled_from(
    ["model", "dataset", "axes", "budget", "training", "seeds", "pack", "evaluation", "lr", "log", "points"]
)
SNIPPETS = st.sampled_from(
    ["1", "-1", "1e-4", "'1e-4'", "[]", "{}", "[1, x]", "{steps: 1}", "~", "skills", "{log: [1, 2], points: 3}"]
)


@given(st.lists(st.tuples(KEYS, SNIPPETS), max_size=6), st.sampled_from(["", SMALLEST]))
def test_any_combination_of_keys_and_values_loads_or_says_why(pairs: list[tuple[str, str]], base: str) -> None:
    text = base + "".join(f"{key}: {snippet}\n" for key, snippet in pairs)
    try:
        parse_sweep_spec(text, file="tiny.yaml")
    except ConfigError as error:
        sentences = str(error).split("\n")
    else:
        sentences = []
    assert all(sentence.startswith("tiny.yaml") for sentence in sentences)
