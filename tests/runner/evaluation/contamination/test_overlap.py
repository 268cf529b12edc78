import functools
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.data import load_dataset
from runner.data.examples import Example, chat_example
from runner.data.skills import SKILLS
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue import load_benchmarks
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.contamination import Overlap, count_overlap, overlap_table
from runner.spec.dataset import DatasetSection

DOCS = Path(__file__).parents[4] / "docs" / "benchmarks" / "contamination.md"
QUESTION = "Which of the two rivers that meet below the old town of Passau carries more water into the sea?"
ANSWER = "The Inn, by a little, although the Danube keeps its name."
UNRELATED = chat_example("Name three mountains of the Alps that are higher than four thousand metres.", "None here.")


def asked(*pairs: tuple[str, str], rule: str = "exact") -> Benchmark:
    return make_benchmark("b", "generation", [make_item(q, answer=a) for q, a in pairs], rule=rule)


def words(n_words: int, seed: int) -> str:
    rng = random.Random(seed)  # noqa: S311 - no secret
    return " ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(n_words))


def counts(train: Sequence[Example], benchmark: Benchmark) -> tuple[int, int]:
    found = count_overlap(train, benchmark)
    return found.n_exact, found.n_near


@pytest.mark.parametrize(
    "train",
    [
        chat_example(QUESTION, ANSWER),
        chat_example(QUESTION, "I do not know."),
        chat_example(QUESTION.upper().replace(" ", "\n  "), ANSWER.lower()),
        chat_example(QUESTION.replace("?", "!!"), ANSWER.replace(",", ";")),
        chat_example(f"Here is a riddle. {QUESTION} Think well.", ANSWER),
        chat_example("Answer the question.", ANSWER, system=f"The user asks: {QUESTION}"),
        chat_example("Write a quiz.", f"1. {QUESTION} 2. Who was Caesar?"),
        Example((), f"{words(50, 1)} {QUESTION} {ANSWER} {words(50, 2)}"),
    ],
    ids=["same", "other answer", "case and space", "punctuation", "inside", "system", "completion", "plain text"],
)
def test_a_copy_is_found_whatever_it_stands_in(train: Example) -> None:
    found = count_overlap([UNRELATED, train], asked((QUESTION, ANSWER), (words(20, 3), "no")))
    assert (found.n_items, found.n_exact, found.n_near) == (2, 1, 1)
    [pair] = found.examples
    assert (pair.is_exact, pair.share, pair.example_id) == (True, 1.0, train.id)
    assert QUESTION in pair.item


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_with_a_few_words_changed_is_near(seed: int) -> None:
    text = words(60, seed).split()
    changed = [*text[:20], "changed", *text[21:45], "and", "again", *text[46:]]
    train = [chat_example(" ".join(changed), "yes")]
    assert counts(train, asked((" ".join(text), "no"), (words(60, 100 + seed), "no"))) == (0, 1)


def test_a_short_question_with_one_word_changed_is_near() -> None:
    train = [chat_example("Please tell me who wrote the novel about the white whale and a captain", "Melville")]
    assert counts(
        train, asked(("Please tell me who wrote the book about the white whale and a captain", "Melville"))
    ) == (
        0,
        1,
    )


def test_half_a_copy_is_not_near() -> None:
    text = words(60, 7).split()
    assert counts([chat_example(" ".join(text[:30]), "yes")], asked((" ".join(text), "no"))) == (0, 0)


def test_two_halves_in_two_examples_are_no_copy() -> None:
    text = words(60, 8).split()
    halves = [chat_example(" ".join(text[:30]), "yes"), chat_example(" ".join(text[30:]), "yes")]
    assert counts(halves, asked((" ".join(text), "no"))) == (0, 0)


@pytest.mark.parametrize(
    ("trained", "item", "n_exact"),
    [
        (("What is 3 + 4?", "7"), ("what is 3 + 4", "7"), 1),
        (("What is 3 - 4?", "-1"), ("What is 3 + 4?", "7"), 0),
        (("What is 2.5 + 4?", "6.5"), ("What is 25 + 4?", "29"), 0),
        (("She said yes and went home after all of it.", "Why? No. Never."), ("Why?", "No."), 0),
        (("Why?", "Because."), ("Why?", "No."), 1),
    ],
    ids=["same", "another sign", "another number", "too short to be found inside", "short and all that is asked"],
)
def test_short_questions(trained: tuple[str, str], item: tuple[str, str], n_exact: int) -> None:
    assert count_overlap([chat_example(*trained)], asked(item)).n_exact == n_exact


def test_choices_that_are_wrong_and_system_turns_of_items_are_no_part_of_an_item() -> None:
    wrong = [words(12, seed) for seed in range(3)]
    example = chat_example(QUESTION, "x", system="Choose.")
    item = make_item(example.prompt, choices=[*wrong, ANSWER], gold=3)
    benchmark = make_benchmark("b", "choice", [item])
    assert counts([chat_example(one, "yes") for one in wrong], benchmark) == (0, 0)
    assert counts([chat_example("Choose.", "yes")], benchmark) == (0, 0)
    assert counts([chat_example(QUESTION, "no")], benchmark) == (1, 1)


def test_the_text_of_a_text_item_counts_without_its_context() -> None:
    item = make_item((*chat_example(words(30, 1), "x").prompt,), choices=(ANSWER,))
    assert counts([chat_example("Tell me.", ANSWER)], make_benchmark("b", "text", [item])) == (1, 1)
    assert counts([chat_example("Tell me.", ANSWER)], make_benchmark("b", "choice", [item])) == (0, 0)


def test_patterns_and_kinds_of_answers_are_no_words() -> None:
    found = count_overlap(
        [chat_example("one two three four number 579", "x")], asked(("one two", "number:579"), rule="skill")
    )
    assert found.n_exact == 0
    exact = count_overlap([chat_example("one two", "579")], asked(("one two", "number:579"), rule="skill"))
    assert exact.examples[0].item == "one two\n579"
    assert (
        count_overlap([chat_example("one two", "x")], asked(("one two", r"\bx+"), rule="regex")).examples[0].item
        == "one two"
    )


def test_what_many_items_share_is_nobody_s_own() -> None:
    preamble = words(40, 1)
    items = asked(*((f"{preamble} {words(12, 100 + number)}", str(number)) for number in range(30)))
    train = [chat_example(f"{preamble} {words(12, 500)}", "x")]
    assert counts(train, items) == (0, 0)
    # A planted one is found in spite of the words that it shares.
    assert counts([*train, chat_example(f"{preamble} {words(12, 117)}", "x")], items) == (1, 1)


def test_a_passage_under_a_few_questions_counts() -> None:
    passage = words(80, 1)
    items = asked(*((f"{passage} {words(6, 100 + number)}", "x") for number in range(5)))
    assert counts([Example((), passage)], items) == (0, 5)


def test_nothing_to_compare() -> None:
    punctuation = asked(("?!", "..."))
    assert counts([chat_example("...", "!"), UNRELATED], punctuation) == (0, 0)
    assert counts([], asked((QUESTION, ANSWER))) == (0, 0)


def test_all_copies_of_a_set_are_found_and_no_other() -> None:
    texts = [words(5 + seed % 40, seed) for seed in range(300)]
    benchmark = asked(*((text, "x") for text in texts))
    train = [chat_example(text, "y") for text in texts[::3]] + [
        chat_example(words(30, 1000 + n), "y") for n in range(200)
    ]
    assert counts(train, benchmark) == (100, 100)


def test_the_digest_is_that_of_the_examples_in_any_order() -> None:
    train = [UNRELATED, chat_example(QUESTION, ANSWER)]
    benchmark = asked((QUESTION, ANSWER))
    one, other = count_overlap(train, benchmark), count_overlap(train[::-1], benchmark)
    assert one == other
    assert one.digest == benchmark.digest
    assert re.fullmatch("[0-9a-f]{16}", one.training_digest)
    assert count_overlap(train[:1], benchmark).training_digest != one.training_digest


def test_json_holds_everything_and_counts_hold_no_text() -> None:
    found = count_overlap([chat_example(QUESTION, ANSWER)], asked((QUESTION, ANSWER)))
    record = json.loads(json.dumps(found.to_json()))
    assert (record["n_exact"], record["n_near"], record["examples"][0]["is_exact"]) == (1, 1, True)
    assert record["examples"][0]["example"] == f"{QUESTION}\n{ANSWER}"
    assert found.counts() == {"n_items": 1, "n_exact": 1, "n_near": 1, "digest": found.digest}


def test_pairs_are_few_short_and_the_nearest_first() -> None:
    texts = [words(200, seed) for seed in range(8)]
    train = [chat_example(texts[0].rsplit(" ", 50)[0], "x"), *(chat_example(text, "y") for text in texts[1:])]
    found = count_overlap(train, asked(*((text, "y") for text in texts)))
    assert (found.n_exact, found.n_near) == (7, 8)
    assert [pair.is_exact for pair in found.examples] == [True] * 5
    assert max(len(pair.item) for pair in found.examples) == 300


def test_the_table_has_a_row_for_each_benchmark() -> None:
    found = Overlap("mine", 200, 3, 13, (), "0" * 16, "1" * 16)
    assert overlap_table([found, found._replace(benchmark="other")]) == (
        ("benchmark", "items", "copies in training", "near copies"),
        ("mine", "200", "3 (1.5%)", "10 (5.0%)"),
        ("other", "200", "3 (1.5%)", "10 (5.0%)"),
    )


@pytest.mark.parametrize("family", SKILLS)
def test_the_page_states_what_the_skills_hold(family: str) -> None:
    name = f"skills-{family}"
    [stated] = re.findall(
        rf"^\| `{name}` \| (\d+) \| (\d+) \| (\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    choice, generation = (count_overlap(skills_train(), one) for one in load_benchmarks([name, f"{name}-gen"]))
    assert tuple(map(int, stated)) == (choice.n_items, choice.n_exact, choice.n_near - choice.n_exact)
    assert generation.counts() == {**choice.counts(), "digest": generation.digest}


@pytest.mark.slow
def test_the_library_repeats_some_docstrings() -> None:
    """The numbers themselves depend on the Python version."""
    train = load_dataset(DatasetSection(builtin="stdlib-docstrings")).train
    texts, choices = (count_overlap(train, one) for one in load_benchmarks(["stdlib-docstrings"]))
    assert 0 < texts.n_exact <= 0.15 * texts.n_items
    assert choices.n_exact <= texts.n_exact
    assert 0 < choices.n_near <= 0.2 * choices.n_items


@functools.cache
def skills_train() -> tuple[Example, ...]:
    return load_dataset(DatasetSection(builtin="skills")).train
