import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runner.evaluation.benchmark import Benchmark, Decoding, Item, Normalisation, Score
from runner.evaluation.catalogue import load_benchmarks, plan_requests, score_answers
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.catalogue.plan import EvaluationPlan
from runner.evaluation.requests import Generation, Likelihoods
from tests.runner.evaluation.catalogue.fakes import ByteTokenizer, KnownEngine

EVERY: tuple[Normalisation, ...] = ("sum", "token", "byte", "unconditional")


def choice_plan(items: Sequence[Item], normalisations: Sequence[Normalisation] = EVERY) -> EvaluationPlan:
    return plan_requests(make_benchmark("mine", "choice", items), ByteTokenizer(), 4096, normalisations=normalisations)


def scored(plan: EvaluationPlan, log_likelihoods: Sequence[float]) -> dict[str, Score]:
    values = np.array([log_likelihoods], dtype=float)
    answers = Likelihoods(values, np.zeros(values.shape, dtype=bool))
    return {score.metric: score for score in score_answers(plan, answers, 0)}


def one_item(choices: Sequence[str], gold: int = 0) -> Item:
    return make_item("Which?", choices=choices, gold=gold)


@pytest.mark.parametrize("name", ["skills-arithmetic", "skills-json", "docstrings-choice"])
def test_an_engine_that_knows_a_share_of_the_answers_gets_that_share(name: str) -> None:
    """Known answer: slot 0 knows all, slot 1 none, slot 2 the first 60 of 150."""
    [benchmark] = load_benchmarks([name])
    prompts = {item.prompt[-1].content: item for item in benchmark.items}  # type: ignore[union-attr]
    places = {item.item_id: place for place, item in enumerate(benchmark.items)}

    def likelihood(slot: int, context: str, continuation: str) -> float:
        item = prompts[context.split("<user>")[1].removesuffix("<assistant>")]
        is_right = continuation.removeprefix("\n") == item.choices[item.gold]
        knows = (True, False, places[item.item_id] < 60)[slot]
        return -10.0 * len(continuation.encode()) - (0 if is_right == knows else 1000)

    plan = plan_requests(benchmark, ByteTokenizer(), 2048)
    engine = KnownEngine(likelihood, slots=("all", "none", "some"))
    answers = engine.log_likelihoods(plan.requests)
    for slot, expected in enumerate((1.0, 0.0, 60 / 150)):
        scores = score_answers(plan, answers, slot)
        assert [score.metric for score in scores] == ["acc", "acc_per_token", "acc_per_byte"]
        assert all(score.value == pytest.approx(expected, abs=1e-12) for score in scores)
        assert all(score.n_items == 150 and score.problem == "" for score in scores)
        assert [item_id for item_id, _ in scores[0].items] == [item.item_id for item in benchmark.items]


def test_a_writer_that_knows_two_of_three_answers_gets_two_thirds() -> None:
    [benchmark] = load_benchmarks(["skills-dates-gen"])
    known = {item.prompt[-1].content: item.answer.partition(":")[2] for item in benchmark.items}  # type: ignore[union-attr]
    silent = set(list(known)[::3])

    def write(slot: int, prompt: str) -> str:
        question = prompt.split("<user>")[1].removesuffix("<assistant>\n")
        return "I do not know" if slot and question in silent else f" {known[question]}."

    plan = plan_requests(benchmark, ByteTokenizer(), 2048)
    assert plan.decoding is not None
    answers = KnownEngine(writer=write, slots=("all", "some")).generate(plan.prompts, plan.decoding)
    [every], [some] = score_answers(plan, answers, 0), score_answers(plan, answers, 1)
    assert (every.metric, every.value, every.n_items) == ("correct", 1.0, 150)
    assert some.value == pytest.approx(100 / 150)
    assert [value for _, value in some.items[:4]] == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("first", "second", "bare", "right"),
    [
        # What decides:      sum           a token (3, 5)   a byte (2, 4)   without the question
        (-4.0, -9.0, (-1.0, -9.0), (True, True, True, False)),
        (-4.0, -7.6, (-4.0, -7.0), (True, True, False, True)),
        (-4.0, -6.0, (-1.0, -4.0), (True, False, False, False)),
        (-9.0, -8.0, (-3.0, -1.0), (False, False, False, True)),
    ],
)
def test_the_four_normalisations_by_hand(
    first: float, second: float, bare: tuple[float, float], right: tuple[bool, ...]
) -> None:
    """`é` has 1 character, 2 bytes and 2 tokens here; the space before a choice is a token but no byte of it."""
    got = scored(choice_plan([one_item(["é", "abcd"])]), [first, second, *bare])
    assert {metric: bool(score.value) for metric, score in got.items()} == dict(
        zip(("acc", "acc_per_token", "acc_per_byte", "acc_unconditional"), right, strict=True)
    )


def test_of_equal_choices_the_first_is_taken() -> None:
    assert scored(choice_plan([one_item(["aa", "bb"], 0)]), [-1.0] * 4)["acc"].value == 1
    assert scored(choice_plan([one_item(["aa", "bb"], 1)]), [-1.0] * 4)["acc"].value == 0


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_no_number_is_neither_right_nor_wrong(broken: float, place: int) -> None:
    items = [make_item(f"{number}?", choices=("aa", "bb"), gold=0) for number in range(3)]
    values = [-1.0, -2.0] * 3
    values[place] = broken
    score = scored(choice_plan(items, ("sum",)), values)["acc"]
    assert math.isnan(score.value)
    assert score.stderr is None
    assert [math.isnan(value) for _, value in score.items] == [True, False, False]
    assert score.problem == f"1 of 3 items cannot be scored, first {items[0].item_id}: its log-likelihood is no number"


def test_an_impossible_choice_is_just_the_last() -> None:
    assert scored(choice_plan([one_item(["aa", "bb"], 1)], ("sum",)), [-math.inf, -900.0])["acc"].value == 1
    got = scored(choice_plan([one_item(["aa", "bb"], 1)]), [-math.inf, -9.0, -math.inf, -9.0])
    assert math.isnan(got["acc_unconditional"].value)
    assert got["acc"].value == 1


def test_broken_numbers_stay_in_their_own_slot() -> None:
    plan = choice_plan([one_item(["aa", "bb"])], ("sum",))
    values = np.array([[math.nan, -1.0], [-1.0, -2.0]])
    answers = Likelihoods(values, np.zeros(values.shape, dtype=bool))
    assert math.isnan(score_answers(plan, answers, 0)[0].value)
    assert score_answers(plan, answers, 1)[0].value == 1


def test_answers_to_other_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="2 requests, but 3 answers"):
        scored(choice_plan([one_item(["aa", "bb"])], ("sum",)), [-1.0] * 3)


Numbers = st.lists(st.floats(-500, -0.01), min_size=8, max_size=8)


@given(Numbers, st.permutations(range(4)), st.integers(0, 3))
def test_the_order_of_choices_matters_only_for_ties(numbers: list[float], order: list[int], gold: int) -> None:
    choices = ["one", "three", "fifteen", "twenty-one"]
    sums, bare = numbers[:4], numbers[4:]
    got = scored(choice_plan([one_item(choices, gold)]), numbers)
    moved = one_item([choices[place] for place in order], order.index(gold))
    other = scored(choice_plan([moved]), [sums[place] for place in order] + [bare[place] for place in order])
    compared = {
        "acc": sums,
        "acc_per_token": [value / (len(text) + 1) for value, text in zip(sums, choices, strict=True)],
        "acc_per_byte": [value / len(text) for value, text in zip(sums, choices, strict=True)],
        "acc_unconditional": [value - less for value, less in zip(sums, bare, strict=True)],
    }
    for metric, values in compared.items():
        if sorted(values)[-1] != sorted(values)[-2]:
            assert got[metric].value == other[metric].value


@given(st.lists(st.integers(-500, -1), min_size=4, max_size=4), st.integers(-300, 300), st.integers(0, 3))
def test_the_same_constant_on_all_choices_changes_nothing(values: list[int], constant: int, gold: int) -> None:
    # Of the sum always; per byte and per token where all choices have the same length.
    plan = choice_plan([one_item(["ab", "cd", "ef", "gh"], gold)], ("sum", "token", "byte"))
    before, after = scored(plan, values), scored(plan, [value + constant for value in values])
    assert [score.value for score in before.values()] == [score.value for score in after.values()]


@given(Numbers, st.integers(0, 3))
def test_per_byte_and_per_token_agree_with_the_sum_on_equal_lengths(numbers: list[float], gold: int) -> None:
    got = scored(choice_plan([one_item(["ab", "cd", "ef", "gh"], gold)]), numbers)
    spread = sorted(numbers[:4])
    if spread[-1] - spread[-2] > 1e-9:
        assert got["acc"].value == got["acc_per_byte"].value == got["acc_per_token"].value


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_accuracy_has_the_error_of_a_mean(answers: list[bool]) -> None:
    items = [make_item(f"{number}?", choices=("a", "b")) for number in range(len(answers))]
    values = [value for right in answers for value in ((-1.0, -2.0) if right else (-2.0, -1.0))]
    score = scored(choice_plan(items, ("sum",)), values)["acc"]
    assert score.value == pytest.approx(np.mean(answers))
    assert score.stderr == pytest.approx(float(stats.sem(np.array(answers, dtype=float))))


def test_one_item_has_no_error() -> None:
    assert scored(choice_plan([one_item(["a", "b"])], ("sum",)), [-1.0, -2.0])["acc"].stderr is None


def text_plan(texts: Sequence[str], context_length: int = 4096) -> EvaluationPlan:
    items = [make_item("", choices=(text,)) for text in texts]
    return plan_requests(make_benchmark("mine", "text", items), ByteTokenizer(), context_length)


def test_bits_per_byte_is_a_ratio_of_totals() -> None:
    plan = text_plan(["abcd", "é" * 3])  # 4 and 6 bytes
    got = scored(plan, [-4 * math.log(2), -18 * math.log(2)])
    assert got["bits_per_byte"].value == pytest.approx(22 / 10)
    assert got["perplexity"].value == pytest.approx(2 ** (22 / 10))
    values = [value for _, value in got["bits_per_byte"].items]
    assert values == pytest.approx([4 / 5, 18 / 5])  # over the mean of 5 bytes
    assert np.mean(values) == pytest.approx(got["bits_per_byte"].value)


def test_the_errors_of_ratios_are_those_of_a_bootstrap() -> None:
    rng = random.Random(3)  # noqa: S311 - no secret
    texts = ["x" * rng.randint(5, 80) + str(number) for number in range(300)]
    nats = [len(text) * rng.gauss(2.0, 0.4) + rng.gauss(0, 5) + 20 for text in texts]
    got = scored(text_plan(texts), [-value for value in nats])
    n_bytes, bits = np.array([len(text) for text in texts]), np.array(nats) / math.log(2)
    drawn = np.random.default_rng(5).integers(0, 300, (4000, 300))
    resampled = bits[drawn].sum(axis=1) / n_bytes[drawn].sum(axis=1)
    assert got["bits_per_byte"].stderr == pytest.approx(resampled.std(ddof=1), rel=0.05)
    perplexities = np.exp(resampled * math.log(2))
    assert got["perplexity"].stderr == pytest.approx(perplexities.std(ddof=1), rel=0.06)


def test_a_text_in_pieces_has_the_likelihood_of_the_whole() -> None:
    def likelihood(_slot: int, _context: str, continuation: str) -> float:
        return -sum(byte / 100 for byte in continuation.encode())

    texts = ["The quick brown fox", "jumps"]
    whole, pieces = text_plan(texts), text_plan(texts, context_length=7)
    assert (pieces.n_truncated, len(pieces.requests)) == (1, 5)
    engine = KnownEngine(likelihood)
    [one, _], [other, _] = (score_answers(plan, engine.log_likelihoods(plan.requests), 0) for plan in (whole, pieces))
    assert one.value == pytest.approx(other.value)
    assert [value for _, value in one.items] == pytest.approx([value for _, value in other.items])


def test_a_broken_or_impossible_text() -> None:
    broken = scored(text_plan(["abcd", "efgh"]), [math.nan, -1.0])
    assert all(math.isnan(score.value) and score.stderr is None and score.problem for score in broken.values())
    impossible = scored(text_plan(["abcd", "efgh"]), [-math.inf, -1.0])["bits_per_byte"]
    assert (impossible.value, impossible.stderr, impossible.problem) == (math.inf, None, "")


def generation(rule: str, answers: Sequence[str]) -> Benchmark:
    items = [make_item(f"{number}?", answer=answer) for number, answer in enumerate(answers)]
    return make_benchmark("mine", "generation", items, rule=rule)


def test_a_pattern_that_cannot_be_decided_leaves_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.evaluation.catalogue.rules.SECONDS_PER_MATCH", 0.2)
    benchmark = generation("regex", ["a+!", *["^(a|aa)+$"] * 8])
    plan = plan_requests(benchmark, ByteTokenizer(), 200)
    engine = KnownEngine(writer=lambda _slot, _prompt: "a" * 40 + "!")
    [score] = score_answers(plan, engine.generate(plan.prompts, Decoding()), 0)
    assert math.isnan(score.value)
    assert next(value for _, value in score.items) == 1
    assert score.problem.startswith("8 of 9 items cannot be scored")
    assert "needs more than" in score.problem


def test_an_answer_that_broke_off_in_nan_is_missing_not_wrong() -> None:
    plan = plan_requests(generation("exact", ["a", "b"]), ByteTokenizer(), 200)
    [score] = score_answers(plan, [[Generation((), "a", "length"), Generation((), "", "broken")]], 0)
    assert math.isnan(score.value)
    assert score.items[0][1] == 1
    assert "1 of 2 items cannot be scored" in score.problem
    assert "numbers broke" in score.problem


def test_exact_match_is_called_so() -> None:
    plan = plan_requests(generation("exact", ["a", "b"]), ByteTokenizer(), 200)
    engine = KnownEngine(writer=lambda _slot, _prompt: "a\n")
    [score] = score_answers(plan, engine.generate(plan.prompts, Decoding()), 0)
    assert (score.metric, score.value, score.stderr) == ("exact_match", 0.5, 0.5)
