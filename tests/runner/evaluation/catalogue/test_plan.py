import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.data.examples import Message
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark, Decoding, Item
from runner.evaluation.catalogue import plan_requests
from runner.evaluation.catalogue.drafts import windows
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.catalogue.tokens import EncodedPair
from tests.runner.evaluation.catalogue.fakes import PREFIX, ByteTokenizer, text_of

TURNS = (Message("system", "Be brief."), Message("user", "2 + 2?"))


def choice(prompt: tuple[Message, ...] | str = "Two and two is", **changes: object) -> Benchmark:
    item = make_item(prompt, choices=("four", "nine"), **changes)  # type: ignore[arg-type]
    return make_benchmark("mine", "choice", [item])


def split(benchmark: Benchmark, **options: object) -> list[tuple[str, str]]:
    tokenizer = options.pop("tokenizer", ByteTokenizer())
    plan = plan_requests(benchmark, tokenizer, 2048, **options)  # type: ignore[arg-type]
    return [(text_of(ids[:n_context]), text_of(ids[n_context:])) for ids, n_context in plan.requests]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Two and two is", ("Two and two is", " four")),
        # As lm-evaluation-harness splits: white space at the end of the context goes to the choice.
        ("Two and two is ", ("Two and two is", " four")),
        ("Q: 2 + 2?\nA:\n\n", ("Q: 2 + 2?\nA:", "\n\nfour")),
        (TURNS, ("<system>Be brief.<user>2 + 2?<assistant>", "\nfour")),
    ],
)
def test_where_a_choice_begins(prompt: tuple[Message, ...] | str, expected: tuple[str, str]) -> None:
    first, second = split(choice(prompt))
    assert first == expected
    assert second == (expected[0], expected[1].replace("four", "nine"))


def test_a_choice_that_brings_its_own_space_gets_no_second_one() -> None:
    benchmark = make_benchmark("mine", "choice", [make_item("2 + 2 =", choices=(" 4", "5"))])
    assert split(benchmark) == [("2 + 2 =", " 4"), ("2 + 2 =", " 5")]


def test_without_a_chat_template_turns_are_paragraphs() -> None:
    first, _ = split(choice(TURNS), tokenizer=ByteTokenizer(templated=False))
    assert first == ("Be brief.\n\n2 + 2?\n\nAnswer:", " four")


def test_a_text_is_scored_from_its_first_letter() -> None:
    chat = make_benchmark("mine", "text", [make_item(TURNS, choices=("Four it is.",))])
    assert split(chat) == [("<system>Be brief.<user>2 + 2?<assistant>\n", "Four it is.")]
    bare = make_benchmark("mine", "text", [make_item("", choices=("Four it is.",))])
    plan = plan_requests(bare, ByteTokenizer(), 100)
    assert plan.requests[0].token_ids[:2] == (PREFIX, ord("F"))
    assert split(bare) == [("", "Four it is.")]


class BeginningTokenizer(ByteTokenizer):
    """Puts the prefix token before every text, as Llama's does."""

    def encode(self, text: str) -> list[int]:
        return [PREFIX, *super().encode(text)]


def test_the_prefix_token_is_there_once() -> None:
    bare = make_benchmark("mine", "text", [make_item("", choices=("Four",))])
    assert plan_requests(bare, BeginningTokenizer(), 100).requests == plan_requests(bare, ByteTokenizer(), 100).requests
    [request, _] = plan_requests(choice("Q:"), BeginningTokenizer(), 100).requests
    assert request == ((PREFIX, *b"Q: four"), 3)


@pytest.mark.parametrize(
    ("prompt", "unconditional", "expected"),
    [
        ("Two and two is", "", ("", " four")),
        ("Two and two is", "Answer:", ("Answer:", " four")),
        (TURNS, "", ("", "four")),
        (TURNS, "Answer:", ("<user>Answer:<assistant>", "\nfour")),
    ],
)
def test_choices_without_their_question_are_asked_only_on_demand(
    prompt: tuple[Message, ...] | str, unconditional: str, expected: tuple[str, str]
) -> None:
    benchmark = choice(prompt, unconditional=unconditional)
    assert len(split(benchmark)) == 2
    asked = split(benchmark, normalisations=("sum", "unconditional"))
    assert len(asked) == 4
    assert asked[2] == expected


def test_long_prompts_lose_their_beginning_and_are_counted() -> None:
    items = [make_item("x" * 50 + "?", choices=("yes", "nope")), make_item("ok?", choices=("yes", "nope"))]
    plan = plan_requests(make_benchmark("mine", "choice", items), ByteTokenizer(), 20)
    assert (plan.n_truncated, plan.n_refused) == (1, 0)
    assert [text_of(request.token_ids) for request in plan.requests[:2]] == ["x" * 15 + "? yes", "x" * 14 + "? nope"]
    assert [text_of(ids[n:]) for ids, n in plan.requests] == [" yes", " nope"] * 2
    assert max(len(request.token_ids) for request in plan.requests) == 20


def test_long_items_are_refused_by_option_and_named() -> None:
    items = [make_item("x" * 50 + "?", choices=("yes", "nope")), make_item("ok?", choices=("yes", "nope"))]
    plan = plan_requests(make_benchmark("mine", "choice", items), ByteTokenizer(), 20, too_long="refuse")
    assert plan.items == (items[1],)
    assert (plan.n_truncated, plan.n_refused) == (0, 1)
    assert plan.refused[0].place == items[0].item_id
    assert plan.refused[0].reason == "takes 55 tokens, the context has 20"
    assert [part.item for part in plan.parts] == [0, 0]


def test_a_choice_that_never_fits_is_refused_not_cut() -> None:
    items = [make_item("ok?", choices=("yes", "y" * 30)), make_item("ok?", choices=("yes", "nope"))]
    plan = plan_requests(make_benchmark("mine", "choice", items), ByteTokenizer(), 20)
    assert plan.items == (items[1],)
    assert plan.refused[0].reason.startswith("choice 2 takes 31 tokens, the context has 20")
    assert plan.n_truncated == 0


def test_a_choice_needs_one_token_before_it() -> None:
    items = [make_item("ok?", choices=("yes", "y" * 18)), make_item("ok?", choices=("yes", "y" * 19))]
    plan = plan_requests(make_benchmark("mine", "choice", items), ByteTokenizer(), 20)
    assert plan.items == (items[0],)
    assert text_of(plan.requests[1].token_ids) == "? " + "y" * 18


class MergingTokenizer(ByteTokenizer):
    """Makes one token of the whole text: a continuation has none of its own."""

    def encode(self, text: str) -> list[int]:
        return [hash(text) % 1000]


def test_a_choice_without_a_token_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"none of its 1 items can be asked .* choice 1 has no token of its own"):
        plan_requests(choice(), MergingTokenizer(), 20)


@given(st.integers(1, 30), st.integers(1, 80), st.integers(2, 40))
def test_windows_score_each_token_once_with_as_much_context_as_fits(n_context: int, n_text: int, length: int) -> None:
    ids = tuple(range(n_context + n_text))
    requests = list(windows(EncodedPair(ids, n_context), length))
    assert [token for one in requests for token in one.token_ids[one.n_context :]] == list(ids[n_context:])
    for one in requests:
        assert 1 <= one.n_context < len(one.token_ids) <= length
        assert len(one.token_ids) == min(length, len(ids))
        assert one.token_ids == ids[one.token_ids[0] : one.token_ids[-1] + 1]


def test_prompts_leave_room_for_what_is_written() -> None:
    items: list[Item] = [make_item("w" * 40 + "x" * 15, answer="7"), make_item("y" * 10, answer="7")]
    benchmark = make_benchmark("mine", "generation", items, rule="number")
    plan = plan_requests(benchmark, ByteTokenizer(), 30, decoding=Decoding(max_new_tokens=10))
    assert [text_of(prompt) for prompt in plan.prompts] == ["w" * 5 + "x" * 15, "y" * 10]
    assert (plan.n_truncated, plan.requests) == (1, ())
    refused = plan_requests(benchmark, ByteTokenizer(), 30, decoding=Decoding(max_new_tokens=10), too_long="refuse")
    assert (refused.items, refused.n_refused) == ((items[1],), 1)
    with pytest.raises(ConfigError, match="64 new tokens leave no room for a prompt"):
        plan_requests(benchmark, ByteTokenizer(), 64)


def test_skills_are_written_greedily_on_one_line() -> None:
    benchmark = make_benchmark("mine", "generation", [make_item("2?", answer="number:2")], rule="skill")
    decoding = plan_requests(benchmark, ByteTokenizer(), 100).decoding
    assert decoding == Decoding(max_new_tokens=64, stop=("\n",))
    assert plan_requests(choice(), ByteTokenizer(), 100, decoding=decoding).decoding is None
