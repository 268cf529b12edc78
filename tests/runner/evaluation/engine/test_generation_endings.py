"""Where answers end: stop texts across tokens, special tokens, ends of sequence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.generation_endings import Endings, end_tokens
from runner.evaluation.engine.generation_rows import RowWriter, Start
from runner.evaluation.requests import Generation
from tests.runner.evaluation.engine.generating import PROMPTS, load_engine
from tests.tiny_model import make_tokenizer, save_tiny_model

TOKENIZER = make_tokenizer()
NO_DRAWS = np.empty(0)


def ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False))


def dictate(tokens: list[int], *, stop: tuple[str, ...] = (), n_most: int = 100) -> Generation:
    """What becomes of a row whose model insists on `tokens`."""
    writer = RowWriter([Start(n_most, NO_DRAWS)], Decoding(), Endings(TOKENIZER, {2}, stop))
    for token in tokens:
        logits = torch.zeros(1, len(TOKENIZER))
        logits[0, token] = 1.0
        if not writer.advance(logits).parents:
            break
    answer = writer.answers[0]
    assert answer is not None
    return answer


def test_a_stop_text_across_tokens_is_cut_off_and_ends_writing() -> None:
    tokens = ids("42\n\nQuestion: and more")
    assert dictate(tokens, stop=("\n\nQ",)) == (tuple(tokens[:5]), "42", "stop")
    assert dictate(tokens, stop=("nowhere", "Question", "\n\nQ", "est"))[1:] == ("42", "stop")


def test_the_first_of_several_stop_texts_counts() -> None:
    """One token can bring several."""
    words = ("b END STOP", "a ")
    tokenizer = SimpleNamespace(all_special_tokens=[], decode=lambda ids, **_: "".join(words[i] for i in ids))
    endings = Endings(tokenizer, {2}, ("STOP", "END"))
    assert endings.reason([1], 9) is None
    assert endings.reason([1, 0], 9) == "stop"
    assert endings.answer([1, 0], "stop").text == "a b "


def test_a_stop_text_of_several_bytes_waits_for_its_last_one() -> None:
    tokens = ids("na\u00efve\u2014yes")
    written, text, reason = dictate(tokens, stop=("\u2014",))
    assert (text, reason) == ("na\u00efve", "stop")
    assert len(written) == len(ids("na\u00efve\u2014"))


def test_a_special_token_can_be_a_stop_text() -> None:
    start = TOKENIZER.convert_tokens_to_ids("<|im_start|>")
    tokens = [*ids("yes"), start, *ids("no")]
    assert dictate(tokens, stop=("<|im_start|>",)) == (tuple(ids("yes")), "yes", "stop")
    everything, text, _ = dictate(tokens, n_most=len(tokens))
    assert (everything, text) == (tuple(tokens), "yesno")


def test_the_end_of_sequence_is_no_part_of_the_answer() -> None:
    assert dictate([*ids("ok"), 2, *ids("never")]) == (tuple(ids("ok")), "ok", "eos")
    assert dictate([2]) == ((), "", "eos")


def test_length_ends_what_nothing_else_does() -> None:
    assert dictate(ids("abcdef"), n_most=3) == (tuple(ids("abc")), "abc", "length")
    assert dictate(ids("abc."), n_most=4, stop=(".",)) == (tuple(ids("abc.")), "abc", "stop")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (((5, 6), 7, 8), {5, 6, 7, 8}),
        ((None, [7, 9], None), {7, 9}),
        ((None, None, None), set()),
        ((2, 2, 2), {2}),
    ],
)
def test_ends_are_collected_from_every_place_that_names_them(named: tuple[object, ...], expected: set[int]) -> None:
    parts = [SimpleNamespace(eos_token_id=value) for value in named]
    model = SimpleNamespace(generation_config=parts[0], config=parts[1])
    assert end_tokens(model, parts[2]) == expected
    assert end_tokens(SimpleNamespace(generation_config=None, config=parts[1]), parts[2]) <= expected


def test_stop_texts_through_the_engine(tmp_path: Path) -> None:
    engine = load_engine(save_tiny_model(tmp_path / "tiny"), {"base": None})
    free = [a.token_ids for a in engine.generate(PROMPTS, Decoding(max_new_tokens=12))[0]]
    stop = TOKENIZER.decode(list(free[0][3:5]))
    for whole, answer in zip(free, engine.generate(PROMPTS, Decoding(max_new_tokens=12, stop=(stop,)))[0], strict=True):
        text = TOKENIZER.decode(list(whole), skip_special_tokens=True)
        assert answer.text == text.split(stop)[0]
        assert answer.token_ids == whole[: len(answer.token_ids)]
        assert (answer.ended_by == "stop") == (stop in text)
