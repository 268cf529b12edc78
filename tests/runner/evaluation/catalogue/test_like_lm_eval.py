"""Requests are those of lm-evaluation-harness, the independent reference for scores."""

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from runner.evaluation.benchmark import Item
from runner.evaluation.catalogue import ModelTokenizer, load_benchmarks, plan_requests
from runner.evaluation.catalogue.drafts import windows
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.catalogue.tokens import EncodedPair
from runner.training.bundled import bundled_model_folder
from tests.tiny_model import make_tokenizer

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
CONTINUED = (
    "The cat sat on the",
    "Q: 2 + 2?\nA:",
    "Ends in space ",
    "Two lines\n\n",
    "naïve café —",
    "def f(x):\n    ",
)
CHOICES = ("mat", "4", "été", "return x", "don't")


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    pytest.importorskip("lm_eval")
    return importlib.import_module("lm_eval.api.model")


def encode_pair(harness: ModuleType, tokenizer: PreTrainedTokenizerBase, context: str, choice: str) -> EncodedPair:
    """What the harness makes of a context and a continuation, with its own code."""

    class Encoder:
        backend = "causal"
        tok_encode = staticmethod(tokenizer.encode)

    before, after = harness.TemplateLM._encode_pair(Encoder(), context, choice)
    return EncodedPair((*before, *after), len(before))


@pytest.fixture(scope="module", params=["tiny", "smollm2-135m"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return (
        make_tokenizer()
        if request.param == "tiny"
        else AutoTokenizer.from_pretrained(bundled_model_folder(request.param))
    )


def asked(tokenizer: PreTrainedTokenizerBase, items: list[Item]) -> Iterator[EncodedPair]:
    plan = plan_requests(make_benchmark("mine", "choice", items), ModelTokenizer(tokenizer), 2048)
    return (EncodedPair(*request) for request in plan.requests)


def test_plain_texts_are_split_alike(harness: ModuleType, tokenizer: PreTrainedTokenizerBase) -> None:
    items = [make_item(context, choices=CHOICES) for context in CONTINUED]
    joints = ["" if context[-1].isspace() else " " for context in CONTINUED]
    expected = [
        encode_pair(harness, tokenizer, context, joint + choice)
        for context, joint in zip(CONTINUED, joints, strict=True)
        for choice in CHOICES
    ]
    assert list(asked(tokenizer, items)) == expected


def test_conversations_are_split_alike(harness: ModuleType, tokenizer: PreTrainedTokenizerBase) -> None:
    items = [item for one in load_benchmarks(["skills", "docstrings-choice"]) for item in one.items[:20]]
    rendered = [
        tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in item.prompt],  # type: ignore[union-attr]
            tokenize=False,
            add_generation_prompt=True,
        )
        for item in items
    ]
    expected = [
        encode_pair(harness, tokenizer, context, choice)
        for context, item in zip(rendered, items, strict=True)
        for choice in item.choices
    ]
    assert list(asked(tokenizer, items)) == expected


@pytest.mark.parametrize("n_tokens", [1, 5, 9, 10, 11, 19, 40])
def test_long_texts_are_taken_in_the_same_pieces(n_tokens: int) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    tokens = list(range(n_tokens))
    theirs = [
        ((*context, *scored), len(context))
        for context, scored in map(
            utils.make_disjoint_window,
            utils.get_rolling_token_windows(token_list=tokens, prefix_token=-1, max_seq_len=9, context_len=1),
        )
    ]
    ours = [tuple(one) for one in windows(EncodedPair((-1, *tokens), 1), 10)]
    assert ours == theirs
