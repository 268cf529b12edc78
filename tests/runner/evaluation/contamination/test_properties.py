import random

from hypothesis import given
from hypothesis import strategies as st

from runner.data.examples import Example, chat_example
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.contamination import count_overlap
from runner.evaluation.contamination.texts import _ASCII_WORD, _WORD, words_of

# Few words, so that texts share runs often.
common = st.lists(
    st.sampled_from(["the", "a", "one", "two", "red,", "3.5", "+", "東京", "été", "ÉTÉ", "İ", "ß"]),
    min_size=1,
    max_size=30,
).map(" ".join)
texts = st.one_of(common, st.text(min_size=1, max_size=60))
examples = st.builds(chat_example, texts, texts)
plain = st.builds(lambda text: Example((), text), texts)
train_sets = st.lists(st.one_of(examples, plain), max_size=8)
benchmarks = st.lists(st.tuples(texts, texts), min_size=1, max_size=8).map(
    lambda pairs: make_benchmark("b", "generation", [make_item(q, answer=a) for q, a in pairs], rule="exact")
)


@given(train_sets, train_sets, benchmarks)
def test_more_training_examples_never_lower_a_count(
    train: list[Example], more: list[Example], benchmark: Benchmark
) -> None:
    before, after = count_overlap(train, benchmark), count_overlap(train + more, benchmark)
    assert before.n_exact <= after.n_exact
    assert before.n_near <= after.n_near
    assert 0 <= after.n_exact <= after.n_near <= after.n_items == len(benchmark.items)


@given(train_sets, benchmarks, st.randoms(use_true_random=False))
def test_order_and_repetition_of_training_examples_do_not_matter(
    train: list[Example], benchmark: Benchmark, rng: random.Random
) -> None:
    shuffled = rng.sample(train, len(train))
    assert count_overlap(shuffled, benchmark) == count_overlap(train, benchmark)
    assert count_overlap(train * 2, benchmark)[:5] == count_overlap(train, benchmark)[:5]


@given(benchmarks)
def test_a_benchmark_trained_on_is_all_copies(benchmark: Benchmark) -> None:
    train = [chat_example(str(item.prompt), item.answer) for item in benchmark.items]
    n_with_words = sum(bool(words_of(str(item.prompt)) or words_of(item.answer)) for item in benchmark.items)
    assert count_overlap(train, benchmark).n_exact == n_with_words


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_texts_have_the_words_that_the_general_rule_finds(text: str) -> None:
    assert _ASCII_WORD.findall(text.lower()) == _WORD.findall(text.casefold())


@given(st.text())
def test_words_are_stable(text: str) -> None:
    found = words_of(text)
    assert all(found)
    assert words_of(text.replace(" ", "  ")) == found
