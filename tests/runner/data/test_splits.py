import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.data import Dataset, load_dataset
from runner.data.examples import Example, chat_example
from runner.data.splits import split_examples, unique_examples
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

WORDS = st.text("abc", min_size=1, max_size=4)
EXAMPLES = st.lists(
    st.builds(chat_example, WORDS, WORDS) | st.builds(lambda text: Example((), text), WORDS), max_size=40
)
HELD_OUT = st.floats(0.05, 0.95) | st.integers(1, 10)


def split(
    examples: list[Example], held_out: float | int, max_examples: int | None = None
) -> tuple[tuple[Example, ...], ...]:
    return split_examples(examples, held_out, max_examples=max_examples, name="some")


@given(EXAMPLES, HELD_OUT)
def test_parts_share_no_example_and_no_prompt(examples: list[Example], held_out: float | int) -> None:
    try:
        train, measured = split(examples, held_out)
    except ConfigError:
        return
    assert {example.id for example in train} | {example.id for example in measured} == {one.id for one in examples}
    assert not {example.id for example in train} & {example.id for example in measured}
    assert not {one.prompt for one in train if one.prompt} & {one.prompt for one in measured if one.prompt}


@given(EXAMPLES, HELD_OUT, st.randoms(use_true_random=False))
def test_order_and_repetition_of_the_source_do_not_matter(
    examples: list[Example], held_out: float, random: object
) -> None:
    shuffled = [*examples, *examples[:5]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    outcomes = []
    for source in (examples, shuffled):
        try:
            outcomes.append(split(source, held_out))
        except ConfigError as error:
            outcomes.append((str(error),))  # type: ignore[arg-type]
    assert outcomes[0] == outcomes[1]


def many(n_examples: int) -> list[Example]:
    return [chat_example(f"question {number}", "yes") for number in range(n_examples)]


def test_a_share_holds_out_about_that_share() -> None:
    train, measured = split(many(4000), 0.1)
    assert len(train) + len(measured) == 4000
    assert 330 <= len(measured) <= 470  # 400 with four standard deviations to each side


def test_a_number_holds_out_exactly_that_many() -> None:
    assert [len(part) for part in split(many(100), 7)] == [93, 7]


def test_with_a_share_added_examples_move_none() -> None:
    few, more = split(many(100), 0.3), split(many(200), 0.3)
    assert {one.id for one in few[0]} <= {one.id for one in more[0]}
    assert {one.id for one in few[1]} <= {one.id for one in more[1]}


def test_fewer_examples_are_a_part_of_more() -> None:
    few = {one.id for part in split(many(300), 0.2, 50) for one in part}
    more = {one.id for part in split(many(300), 0.2, 100) for one in part}
    assert len(few) == 50
    assert few <= more


def test_the_split_is_the_same_everywhere() -> None:
    _, measured = split(many(50), 5)
    assert [one.prompt[0].content for one in measured] == [
        "question 36", "question 47", "question 44", "question 23", "question 46",
    ]  # fmt: skip


@pytest.mark.parametrize(("n_examples", "held_out"), [(1, 0.5), (3, 3), (3, 10), (2, 1e-9)])
def test_an_empty_part_is_an_error(n_examples: int, held_out: float) -> None:
    with pytest.raises(ConfigError, match=r"some: \d distinct examples leave none for (training|evaluation)"):
        split(many(n_examples), held_out)


def test_unique_examples_ignore_the_label() -> None:
    assert len(unique_examples([chat_example("a", "b", label="x"), chat_example("a", "b", label="y")])) == 1


def test_a_held_out_file_wins_over_the_training_file(tmp_path: Path) -> None:
    train, measured = tmp_path / "train.jsonl", tmp_path / "held_out.jsonl"
    train.write_text("".join(json.dumps({"text": f"text {number}"}) + "\n" for number in range(10)))
    measured.write_text("".join(json.dumps({"text": f"text {number}"}) + "\n" for number in range(8, 14)))
    dataset = load_dataset(DatasetSection(path=train, held_out=measured))
    assert sorted(one.completion for one in dataset.train) == [f"text {number}" for number in range(8)]
    assert len(dataset.held_out) == 6
    assert dataset.notes[-1] == "2 training examples were left out because they are held out too"
    with pytest.raises(ConfigError, match="train: every example is held out"):
        load_dataset(DatasetSection(path=train, held_out=train))
    (tmp_path / "chat.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    with pytest.raises(ConfigError, match=r"chat\.jsonl: holds chat examples, training has text; use one format"):
        load_dataset(DatasetSection(path=train, held_out=tmp_path / "chat.jsonl"))


def test_repeated_examples_are_counted_in_the_notes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {number % 10}"}) + "\n" for number in range(25)))
    dataset = load_dataset(DatasetSection(path=path, held_out=3))
    assert len(dataset.train) + len(dataset.held_out) == 10
    assert dataset.notes[-1] == "15 repeated examples were left out"


def test_digests_follow_content_and_split_only() -> None:
    first = Dataset("a", tuple(many(4)), tuple(many(2)))
    renamed = Dataset("b", tuple(many(4)), tuple(many(2)))
    other = Dataset("a", tuple(many(3)), tuple(many(2)))
    assert first.digest == renamed.digest
    assert first.digest != other.digest
    assert first.eval_set_id(2) == other.eval_set_id(5)
    assert first.eval_set_id(2) != first.eval_set_id(1)
